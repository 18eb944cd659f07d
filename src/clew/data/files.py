"""Reading text files so that whatever is wrong with one is said with its name and place."""

from __future__ import annotations

import codecs
import difflib
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from clew.data.cut import cut
from clew.errors import InputError

Source: TypeAlias = str | Path | Sequence[str | Path]

BLOCK = 1 << 20  # bytes read at once, and characters given out at once

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def unreadable(path: Path, error: OSError) -> InputError:
    """What to tell when the system refuses to read a file."""
    return InputError(
        f"cannot read: {error.strerror}",
        where=str(path),
        expected="a file that can be read",
        hint="look at its permissions",
    )


def existing(path: str | Path) -> Path:
    """`path`, if there is such a file or folder; if not, InputError with names that are close."""
    found = Path(path)
    try:
        there = found.exists()
    except (OSError, ValueError) as error:  # a name too long, or with a NUL in it
        raise InputError(f"cannot be opened: {error}", where=repr(str(path))) from error
    if there:
        return found
    parent = found.parent
    names = [p.name for p in visible(parent)] if parent.is_dir() else []
    close = difflib.get_close_matches(found.name, names, n=3, cutoff=0.6)
    hint = None
    if close:
        hint = " or ".join(str(parent / name) for name in close)
    elif not parent.is_dir():
        hint = f"there is no folder {parent} either"
    raise InputError("no such file or folder", where=str(path), hint=hint)


def visible(folder: Path) -> list[Path]:
    """What a folder holds, sorted by name, without hidden files; raises InputError."""
    try:
        return sorted((p for p in folder.iterdir() if p.name[0] != "."), key=lambda p: p.name)
    except OSError as error:
        raise InputError(f"cannot read the folder: {error.strerror}", where=str(folder)) from error


def text_files(source: Source) -> list[Path]:
    """The files of `source`: a file, a folder's `*.txt` sorted by name, or a list of these."""
    given = [source] if isinstance(source, (str, Path)) else list(source)
    if not given:
        raise InputError("an empty list of files", expected="at least one text file")
    files: list[Path] = []
    for item in given:
        path = existing(item)
        if not path.is_dir():
            files.append(path)
            continue
        inside = visible(path)
        texts = [p for p in inside if p.suffix.lower() == ".txt" and p.is_file()]
        if not texts:
            raise InputError(
                "the folder holds no .txt file" if inside else "the folder is empty",
                where=str(path),
                expected="*.txt files",
                hint="there is " + listed([p.name for p in inside]) if inside else None,
            )
        files.extend(texts)
    return files


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names for a message: a few, then how many more."""
    every = list(names)
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest} more" if rest > 0 else "")


def decoded(
    path: Path, *, observe: Callable[[bytes], Any] | None = None, block: int = BLOCK
) -> Iterator[str]:
    """The text of one UTF-8 file in pieces: a BOM is left out, CRLF and CR become newlines.

    A file packed by gzip or xz is unpacked. `observe` is called with the raw bytes as they are
    read. Raises InputError for bytes that are not UTF-8 (naming the offset), a NUL byte (a binary
    file) or a file that cannot be read or unpacked.
    """
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    pending, offset = b"", 0  # bytes not yet decoded, and where in the file they begin
    try:
        with path.open("rb") as stored:
            file = unpacked(stored)
            while True:
                data = file.read(block)
                if observe is not None:
                    observe(data)
                last = not data
                pending += data
                if offset == 0:
                    pending, offset = _after_mark(path, pending)
                text, used = _decode(path, pending, offset, last)
                pending, offset = pending[used:], offset + used
                text = newlines.decode(text, final=last)
                if text:
                    yield text
                if last:
                    return
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise InputError(
            f"the compressed file is damaged: {error}",
            where=str(path),
            hint="it may be cut short: compare its size with the original",
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def pieces(
    files: Sequence[Path], source: Source, observe: Callable[[bytes], Any] | None = None
) -> Iterator[str]:
    """The text of files one after the other, cut after newlines where possible; as `decoded`.

    A file that does not end in a newline gets one if another follows. Raises InputError naming
    `source` if there is no text at all.
    """
    found = False
    for number, path in enumerate(files):
        rest, ended = "", True
        for text in decoded(path, observe=observe):
            found, ended = True, text.endswith("\n")
            rest += text
            if len(rest) < BLOCK:
                continue
            end = rest.rfind("\n") + 1
            if end == 0 and len(rest) < 4 * BLOCK:
                continue  # a very long line: wait a little for its end
            ready = [rest[:end], rest[end:]] if end else list(cut(rest, BLOCK))
            rest = ready.pop()
            yield from ready
        if not ended and number + 1 < len(files):
            rest += "\n"
        if rest:
            yield rest
    if not found:
        name = str(source) if isinstance(source, (str, Path)) else listed(map(str, files))
        raise InputError("there is no text: the file is empty", where=name, expected="UTF-8 text")


def text_of(path: Path, data: bytes) -> str:
    """`data`, all of what was read from `path`, as text; the rules and errors are `decoded`'s."""
    data, offset = _after_mark(path, data)
    text, _ = _decode(path, data, offset, True)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def unpacked(stored: io.BufferedReader) -> io.BufferedIOBase:
    """The bytes of an open file, or those that gzip or xz packed into it."""
    begin = stored.peek(6)
    if begin.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=stored)
    return lzma.LZMAFile(stored) if begin.startswith(b"\xfd7zXZ\0") else stored


def _after_mark(path: Path, data: bytes) -> tuple[bytes, int]:
    """Without a UTF-8 byte order mark, and how long that was; other marks are refused."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise InputError(
                f"the text is encoded as {name}",
                where=f"{path}, byte 0",
                expected="UTF-8",
                hint=f"iconv -f {name} -t UTF-8 {path.name} > {path.stem}-utf8{path.suffix}",
            )
    size = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    return data[size:], size


def _decode(path: Path, data: bytes, offset: int, final: bool) -> tuple[str, int]:
    nul = data.find(b"\0")
    if nul >= 0:
        raise InputError(
            "this is a binary file, not text",
            where=f"{path}, byte {offset + nul} (a NUL byte)",
            expected="UTF-8 text",
        )
    try:
        return codecs.utf_8_decode(data, "strict", final)
    except UnicodeDecodeError as error:
        place = offset + error.start
        raise InputError(
            f"the text is not UTF-8: byte {place} is 0x{data[error.start]:02x}",
            where=f"{path}, byte {place}",
            expected="UTF-8",
            hint=f"if it is Latin-1: iconv -f LATIN1 -t UTF-8 {path.name} > "
            f"{path.stem}-utf8{path.suffix}",
        ) from error
