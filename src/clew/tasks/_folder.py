"""The model folder: how a trained model lies on disk, and how it is read without trusting it.

    config.json         task, parameters, sizes fixed by the data, versions, checksums of the rest
    model.safetensors   the weights
    tokenizer.json      where there is text
    metrics.json        score, baseline, curve
    README.md           the model card (may be edited; not under a checksum)
    learning-curve.png

Writing: everything is written beside and flushed, then renamed; config.json comes last, so a
folder with a config.json is whole. Reading: every claim of size, shape, type and name is checked
before memory is taken for it, and every failure is an InputError that names the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from clew import __version__
from clew.errors import InputError
from clew.tasks._files import HINT, check_claim, checksum, flush, opened, small
from clew.tasks._header import (
    TOKENIZER_LIMIT,
    Entry,
    check_tokenizer,
    parse_json,
    read_header,
)

Network = TypeVar("Network", bound=nn.Module)
FORMAT = 1
CONFIG, MODEL, TOKENIZER, METRICS = (
    "config.json", "model.safetensors", "tokenizer.json", "metrics.json"
)  # fmt: skip
CARD, PICTURE = "README.md", "learning-curve.png"
LIMITS = {CONFIG: 2 << 20, METRICS: 2 << 20, TOKENIZER: TOKENIZER_LIMIT}  # bytes
DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
          torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
          torch.uint8: "U8", torch.bool: "BOOL"}  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """A model folder that has passed every check but the one against its network."""

    folder: Path
    config: dict[str, Any]
    entries: dict[str, Entry]
    tokenizer: str | None
    metrics: dict[str, Any]

    @property
    def task(self) -> str:
        """The name of the task: "classify", "language"."""
        return str(self.config["task"])

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that the estimator was built with."""
        return dict(self.config["parameters"])

    @property
    def network(self) -> dict[str, Any]:
        """The sizes that the data fixed: vocabulary size, classes, features."""
        return dict(self.config["network"])

    def bad(self, what: str, *, name: str = CONFIG, expected: str | None = None) -> InputError:
        """The InputError for a file of this folder that does not fit the others."""
        return InputError(what, where=str(self.folder / name), expected=expected, hint=HINT)

    def check_plausible(
        self, settings: Any, sizes: Iterable[str], counts: Iterable[str] = ()
    ) -> None:
        """Raise InputError for a size that the weights in the file could not fill.

        sizes: attributes of `settings` that are at most the number of weights; counts: at most
        the number of tensors. So a claim of a billion layers is refused before one is built.
        """
        numbers = sum(math.prod(entry.shape) for entry in self.entries.values())
        for names, most in ((sizes, numbers), (counts, len(self.entries))):
            for name in names:
                if (value := getattr(settings, name)) > most:
                    raise self.bad(f"{name} is {value}, more than {MODEL} could hold")

    def load(self, build: Callable[[], Network]) -> Network:
        """The network that `build` makes, with the folder's weights, in eval mode.

        `build` runs first on the meta device, where sizes cost nothing; only when every name,
        shape and type agrees with the file is it run again for real. Raises InputError.
        """
        self._compare(_on_meta(build, self))
        with torch.random.fork_rng(devices=[]):
            network = build()
        path = self.folder / MODEL
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError, ValueError) as error:
            raise self.bad(f"the weights cannot be read ({error})", name=MODEL) from error
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise self.bad(f"tensor {name!r} holds NaN or infinity", name=MODEL)
        network.load_state_dict(tensors)
        return network.eval()

    def _compare(self, network: nn.Module) -> None:
        expected = network.state_dict()
        if missing := sorted(set(expected) - set(self.entries)):
            raise self.bad(f"tensor {missing[0]!r} is missing", name=MODEL)
        if extra := sorted(set(self.entries) - set(expected)):
            raise self.bad(f"there is a tensor too many: {extra[0][:80]!r}", name=MODEL)
        for name, tensor in expected.items():
            entry = self.entries[name]
            if entry.shape != tuple(tensor.shape):
                raise self.bad(
                    f"tensor {name!r} has shape {entry.shape}",
                    name=MODEL,
                    expected=f"{tuple(tensor.shape)}, by {CONFIG}",
                )
            if entry.dtype != DTYPES.get(tensor.dtype):
                raise self.bad(
                    f"tensor {name!r} is of type {entry.dtype}",
                    name=MODEL,
                    expected=str(DTYPES.get(tensor.dtype)),
                )


class _NoDraws(TorchFunctionMode):
    """Nothing is drawn: on the meta device that is of no use, and would load torch's compiler."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is nn.init.normal_:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def _on_meta(build: Callable[[], nn.Module], contents: Contents) -> nn.Module:
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), _NoDraws():
            return build()
    except InputError as error:
        raise contents.bad(f"the settings are not possible: {error.what}") from error
    except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise contents.bad(f"no network can be built of the settings ({first})") from error


def is_model(folder: Path) -> bool:
    """Whether a finished model lies in `folder`."""
    return (folder / CONFIG).exists()


def write_model(
    folder: str | Path,
    *,
    task: str,
    parameters: Mapping[str, Any],
    network: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    tokenizer: str | None,
    metrics: Mapping[str, Any],
    card: str,
    data: Mapping[str, Any],
    picture: bytes | None = None,
) -> None:
    """Write a model folder, whole or not at all.

    `folder` must be absent, empty, or one in which a fit has been writing (no config.json yet).
    Raises InputError where it holds a model already, or the disk is full.
    """
    folder = Path(folder)
    if is_model(folder):
        raise InputError(
            "the folder holds a model already", where=str(folder), hint="choose another folder"
        )
    # Within the folder of a fit, where whatever a kill leaves behind is cleared by the next try.
    staging = (
        folder / ".partial" if folder.exists() else folder.parent / f".{folder.name}.{os.getpid()}"
    )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        kept = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        save_file(kept, staging / MODEL)
        _write(staging / METRICS, _json(metrics))
        if tokenizer is not None:
            _write(staging / TOKENIZER, tokenizer.encode("utf-8"))
        _write(staging / CARD, card.encode("utf-8"))
        if picture is not None:
            _write(staging / PICTURE, picture)
        names = [MODEL, METRICS] + ([TOKENIZER] if tokenizer is not None else [])
        config = {
            "format": FORMAT,
            "clew": __version__,
            "task": task,
            "parameters": dict(parameters),
            "network": dict(network),
            "files": {name: checksum(staging / name) for name in names},
            "data": dict(data),
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        }
        _write(staging / CONFIG, _json({**config, "checksum": digest(config)}))
        mode = (staging / CONFIG).stat().st_mode
        for path in staging.iterdir():
            path.chmod(mode)  # safetensors writes for the owner alone, whatever the umask says
            flush(path)
        _move(staging, folder)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"the model could not be written: {getattr(error, 'strerror', None) or error}",
            where=str(folder),
            hint="free some space or check the permissions, then save again",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def digest(config: Mapping[str, Any]) -> str:
    """SHA-256 of all that a config.json says, but for its own checksum."""
    rest = {name: value for name, value in config.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("utf-8")).hexdigest()


def _json(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode("utf-8")


def _write(path: Path, content: bytes) -> None:
    if len(content) > LIMITS.get(path.name, len(content)):
        raise InputError(
            f"{path.name} would take {len(content)} bytes",
            where=str(path),
            expected=f"at most {LIMITS[path.name]}",
        )
    path.write_bytes(content)


def _move(staging: Path, folder: Path) -> None:
    """Rename the whole folder, or into one that is there, file by file and config.json last."""
    if not folder.exists():
        flush(staging)
        staging.replace(folder)
    else:
        for path in sorted(staging.iterdir(), key=lambda path: path.name == CONFIG):
            if path.name == CONFIG:
                flush(folder)
            path.replace(folder / path.name)
        flush(folder)
    flush(folder.parent)


def read_model(folder: str | Path) -> Contents:
    """Read a model folder: everything checked, no weights in memory yet (see Contents.load).

    Raises InputError naming the file and what is wrong with it.
    """
    folder = Path(folder)
    try:
        return _read_model(folder)
    except RecursionError:
        raise InputError(f"{CONFIG} is nested too deeply", where=str(folder)) from None
    except OSError as error:
        raise InputError(
            f"the model cannot be read: {error.strerror or error}", where=str(folder)
        ) from error


def _read_model(folder: Path) -> Contents:
    if not folder.is_dir():
        raise InputError(
            "there is no model here", where=str(folder), expected="a folder that Clew wrote"
        )
    if not is_model(folder):
        raise InputError(
            f"there is no {CONFIG} here",
            where=str(folder),
            expected="a folder that Clew wrote",
            hint="if a fit into this folder was interrupted, go on with it: --resume"
            if (folder / "checkpoint.safetensors").exists()
            else None,
        )
    config = parse_json(small(folder / CONFIG, LIMITS[CONFIG]), folder / CONFIG)
    _check_config(config, folder / CONFIG)
    claims = config["files"]
    texts = {}
    for name in (METRICS, TOKENIZER):
        if name in claims:
            texts[name] = small(folder / name, LIMITS[name], claims[name])
    with opened(folder / MODEL) as (file, size):
        check_claim(file, size, claims[MODEL], folder / MODEL)
        entries = read_header(file, size, folder / MODEL)
    tokenizer = texts.get(TOKENIZER)
    if tokenizer is not None:
        rows = max((entry.shape[0] for entry in entries.values() if entry.shape), default=0)
        check_tokenizer(tokenizer, rows, str(folder / TOKENIZER))
    try:
        text = None if tokenizer is None else tokenizer.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file is not UTF-8 text (byte {error.start})", where=str(folder / TOKENIZER)
        ) from None
    metrics = parse_json(texts[METRICS], folder / METRICS)
    return Contents(folder, config, entries, text, metrics)


def _check_config(config: dict[str, Any], path: Path) -> None:
    where = str(path)
    number = config.get("format")
    if type(number) is not int or number < 1:
        raise InputError("no format number", where=where, expected=f'"format": {FORMAT}', hint=HINT)
    if number > FORMAT:
        raise InputError(
            f"written in format {number} by Clew {str(config.get('clew'))[:40]}, which is newer",
            where=where,
            expected=f"format {FORMAT} (this is Clew {__version__})",
            hint="pip install --upgrade clew",
        )
    if config.get("checksum") != digest(config):
        raise InputError(
            "the file is damaged or was changed: its checksum is not its own",
            where=where,
            hint=HINT,
        )
    kinds = {"clew": str, "task": str, "parameters": dict, "network": dict, "files": dict,
             "data": dict, "versions": dict}  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(config.get(name), kind):
            raise InputError(
                f"{name!r} is missing or not of its type",
                where=where,
                expected="an object" if kind is dict else "a text",
                hint=HINT,
            )
    if unknown := sorted(set(config) - set(kinds) - {"format", "checksum"}):
        raise InputError(f"unknown entry {unknown[0][:80]!r}", where=where, hint=HINT)
    files = config["files"]
    if not {MODEL, METRICS} <= set(files) <= {MODEL, METRICS, TOKENIZER}:
        raise InputError(
            f"'files' names {', '.join(sorted(files))[:200] or 'nothing'}",
            where=where,
            expected=f"{MODEL}, {METRICS} and, where there is text, {TOKENIZER}",
            hint=HINT,
        )
    for name, claim in files.items():
        if (
            not isinstance(claim, dict)
            or set(claim) != {"bytes", "sha256"}
            or type(claim["bytes"]) is not int
            or not isinstance(claim["sha256"], str)
        ):
            raise InputError(
                f"'files' does not describe {name}", where=where, expected="bytes and sha256"
            )
