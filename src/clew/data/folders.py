"""Folders and archives of labelled texts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from clew.data.files import listed, text_of, unreadable, visible
from clew.data.rows import place
from clew.errors import InputError

Part: TypeAlias = Literal["train", "dev", "test"]

_PARTS = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "valid": "dev",
    "validation": "dev",
    "val": "dev",
    "test": "test",
}
_NOTES = ("readme", "license", "licence", "copying")  # hardly labels
_TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")


@dataclass(frozen=True)
class Labelled:
    """Texts, the label of each, the place each stands at, and the sha-256 of what was read."""

    sequences: list[str]
    labels: list[str]
    where: list[str]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.sequences)


def lines(text: str) -> list[str]:
    """The lines of `text`, without the empty one after a last newline."""
    return (text[:-1] if text.endswith("\n") else text).split("\n")


def is_archive(path: Path) -> bool:
    """Whether `path` is a compressed tar archive, by its name."""
    return path.name.lower().endswith((".tar.gz", ".tgz"))


def parts(folder: Path) -> dict[str, Path]:
    """The parts a folder is divided into, {"train": ..., "test": ...}, by the names in it."""
    found: dict[str, Path] = {}
    for path in visible(folder):
        for word in re.split(r"[^a-z]+", path.name.lower()):
            if word in _PARTS:
                if _PARTS[word] in found:
                    return {}  # two files for one part: these are labels, not parts
                found[_PARTS[word]] = path
                break
    return found if "train" in found and len(found) > 1 else {}


def part(folder: Path, split: Part | None) -> Path:
    """What to read of `folder`: its part `split`, or the folder itself if it has no parts."""
    there = parts(folder)
    if not there:
        if split not in (None, "train"):
            raise InputError(
                f"the folder has no part {split!r}",
                where=str(folder),
                expected="files or folders named train and test",
            )
        return folder
    wanted = split or "train"
    if wanted not in there:
        raise InputError(
            f"the folder has no part {wanted!r}",
            where=str(folder),
            expected="one of " + ", ".join(there),
        )
    return there[wanted]


def read(path: Path) -> Labelled | Path:
    """The texts of a folder; or the one table in it, for the caller to read.

    Raises InputError where it is not clear which files are meant.
    """
    inside = visible(path)
    if not inside:
        raise InputError(
            "the folder is empty",
            where=str(path),
            expected="LABEL/*.txt, one text a file, or LABEL.txt, one text a line",
            hint="check the name of the folder",
        )
    labels = [p for p in inside if p.is_dir()]
    texts = [p for p in inside if p.is_file() and p.suffix.lower() == ".txt"]
    tables = [p for p in inside if p.is_file() and p.name.lower().endswith(_TABLES)]
    if len(inside) == 1 and tables:
        return tables[0]
    if _is_imdb_part(path, labels):
        return _documents([path / "neg", path / "pos"])
    if labels and len(labels) == len(inside):
        return _documents(labels)
    notes = [p for p in texts if p.stem.lower() in _NOTES]
    if texts and len(texts) == len(inside) and not notes:
        return _one_text_a_line(texts)
    raise InputError(
        "it is not clear which files of the folder to read",
        where=str(path),
        expected="only folders label/*.txt, or only files label.txt, or one table",
        hint="there is " + listed([p.name for p in inside]),
    )


def _is_imdb_part(folder: Path, inside: list[Path]) -> bool:
    """Whether `folder` is `train` or `test` of IMDb, which hold other things beside pos and neg."""
    return {"pos", "neg"} <= {p.name for p in inside} and (
        folder.parent.name == "aclImdb" or (folder / "labeledBow.feat").exists()
    )


def _documents(folders: list[Path]) -> Labelled:
    """A document a file, its folder's name the label."""
    texts: list[str] = []
    labels: list[str] = []
    where: list[str] = []
    digest = hashlib.sha256()
    for folder in folders:
        files = visible(folder)
        if not files:
            raise InputError("the folder is empty", where=str(folder), expected="*.txt files")
        for file in files:
            if file.suffix.lower() != ".txt" or not file.is_file():
                raise InputError(
                    "this is no .txt file",
                    where=str(file),
                    expected="one .txt file a document in the folder of each label",
                )
            texts.append(text_of(file, _read(file, digest, f"{folder.name}/{file.name}")))
            labels.append(folder.name)
            where.append(str(file))
    return Labelled(texts, labels, where, digest.hexdigest())


def _one_text_a_line(files: list[Path]) -> Labelled:
    """A text a line, its file's name (without .txt) the label."""
    texts: list[str] = []
    labels: list[str] = []
    where: list[str] = []
    digest = hashlib.sha256()
    for file in files:
        data = _read(file, digest, file.name)
        if not data:
            raise InputError("the file is empty", where=str(file), expected="a text a line")
        some = lines(text_of(file, data))
        texts.extend(some)
        labels.extend([file.stem] * len(some))
        where.extend(place(file, number) for number in range(1, len(some) + 1))
    return Labelled(texts, labels, where, digest.hexdigest())


def _read(file: Path, digest: Any, name: str) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise unreadable(file, error) from error
    digest.update(f"{name}\0{len(data)}\0".encode())
    digest.update(data)
    return data
