"""A run on disk: one safetensors file, whole or not there at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from clew.errors import InputError

NAME = "checkpoint.safetensors"
FORMAT = 1


def path_in(out: Path) -> Path:
    """Where the checkpoint of a run in the folder `out` is."""
    return out / NAME


def exists(out: Path) -> bool:
    """Whether the folder holds a checkpoint to go on from."""
    return path_in(out).is_file()


def remove(out: Path) -> None:
    """Take the checkpoint out of the folder, once the finished model is safely written."""
    path_in(out).unlink(missing_ok=True)
    shutil.rmtree(_beside(path_in(out)).parent, ignore_errors=True)


def save(path: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Write tensors and JSON values to `path`: beside it, flushed, renamed, the folder flushed.

    At every moment `path` holds the former file or the new one, whole. Raises InputError where
    the disk refuses (full, read-only, gone); the former file is then untouched.
    """
    beside = _beside(path)
    text = json.dumps({"format": FORMAT, **meta})
    try:
        shutil.rmtree(beside.parent, ignore_errors=True)  # of one who was killed while writing
        beside.parent.mkdir()
        safetensors.torch.save_file(_separate(tensors), beside, metadata={"clew": text})
        _flush(beside)
        beside.replace(path)
        _flush(path.parent)
    except (OSError, safetensors.SafetensorError) as error:
        kept = "the one before it is untouched" if path.exists() else "there was none before"
        raise InputError(
            f"the checkpoint could not be written ({error}); {kept}",
            where=str(path),
            expected="a disk with room for the checkpoint",
            hint="make room, then resume",
        ) from error
    finally:
        shutil.rmtree(beside.parent, ignore_errors=True)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and JSON values as `save` was given them.

    Raises InputError where the file is missing, truncated, of a newer format or not ours.
    """
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            meta = _meta(path, file.metadata())
            # Cloned: tensors that lie in a mapped file are not aligned as torch's own are.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("there is no checkpoint", where=str(path)) from None
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(
            f"this checkpoint cannot be read ({error})",
            where=str(path),
            expected="a whole checkpoint, as a run writes it",
            hint="it is damaged or no checkpoint: delete it and train again",
        ) from error
    return tensors, meta


def _meta(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    try:
        meta = json.loads((metadata or {})["clew"])
        number = int(meta["format"])
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            "this safetensors file is no checkpoint",
            where=str(path),
            expected="a file that a run wrote",
        ) from error
    if number != FORMAT:
        newer = number > FORMAT
        raise InputError(
            f"this checkpoint has format {number}",
            where=str(path),
            expected=f"format {FORMAT}",
            hint="a newer Clew wrote it: upgrade" if newer else "delete it and train again",
        )
    assert isinstance(meta, dict)
    return meta


def _beside(path: Path) -> Path:
    # In a folder of its own: the library, too, writes beside and renames, under names of its own,
    # and what a killed process leaves behind must be found again.
    return path.parent / ".part" / path.name


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _separate(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # safetensors refuses tensors that share memory, as tied weights do.
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        if place in seen:
            tensor = tensor.clone()
        seen.add(place)
        result[name] = tensor
    return result
