"""Reading text: marks, line ends, encodings, and what is said when a file is wrong."""

import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.files import decoded, existing, pieces, text_files, text_of
from clew.errors import InputError


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _reference(data: bytes) -> str:
    return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


@given(
    text=st.text(alphabet="aé東👍\r\n\ufeff", max_size=40),
    mark=st.booleans(),
    block=st.integers(1, 7),
)
def test_blocks_of_any_size_give_the_same_text(
    tmp_path_factory: pytest.TempPathFactory, text: str, mark: bool, block: int
) -> None:
    data = (b"\xef\xbb\xbf" if mark else b"") + text.encode()
    path = _write(tmp_path_factory.getbasetemp() / "blocks.txt", data)
    seen: list[bytes] = []
    assert "".join(decoded(path, observe=seen.append, block=block)) == _reference(data)
    assert text_of(path, data) == _reference(data)
    assert b"".join(seen) == data


@pytest.mark.parametrize("before", [0, 5, 5_000_000])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_wrong_byte_is_named_by_its_offset(tmp_path: Path, before: int, mark: bytes) -> None:
    path = _write(tmp_path / "latin.txt", mark + b"x" * before + b"caf\xe9 noir")
    place = len(mark) + before + 3
    for read in (lambda: list(decoded(path)), lambda: text_of(path, path.read_bytes())):
        with pytest.raises(InputError, match=f"not UTF-8: byte {place} is 0xe9") as caught:
            read()
        assert caught.value.where == f"{path}, byte {place}"
        assert "iconv" in str(caught.value.hint)


def test_a_character_cut_off_at_the_end(tmp_path: Path) -> None:
    path = _write(tmp_path / "cut.txt", "abc東".encode()[:-1])
    with pytest.raises(InputError, match="byte 3 is 0xe6"):
        list(decoded(path))


def test_a_binary_file_is_named_so(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.txt", b"\x7fELF\x01\x00\x02")
    for read in (lambda: list(decoded(path, block=2)), lambda: text_of(path, path.read_bytes())):
        with pytest.raises(InputError, match="binary file") as caught:
            read()
        assert caught.value.where == f"{path}, byte 5 (a NUL byte)"


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_other_encodings_are_recognised(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / "wide.txt", "\ufeffhello".encode(name))
    with pytest.raises(InputError, match=f"encoded as {name[:6].upper()}"):
        list(decoded(path))


def test_a_missing_file_suggests_names_that_are_close(tmp_path: Path) -> None:
    _write(tmp_path / "reviews.csv", b"")
    _write(tmp_path / "other.txt", b"")
    with pytest.raises(InputError, match="no such file") as caught:
        existing(tmp_path / "review.csv")
    assert caught.value.hint == str(tmp_path / "reviews.csv")
    with pytest.raises(InputError) as caught:
        existing(tmp_path / "zzz" / "a.txt")
    assert caught.value.hint == f"there is no folder {tmp_path / 'zzz'} either"
    for name in ("a\0b", "n" * 5000):
        with pytest.raises(InputError):
            existing(name)


def test_which_files_a_folder_gives(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the folder is empty"):
        text_files(tmp_path)
    _write(tmp_path / "notes.md", b"")
    _write(tmp_path / ".hidden.txt", b"")
    with pytest.raises(InputError, match=r"holds no \.txt file") as caught:
        text_files(tmp_path)
    assert caught.value.hint == "there is notes.md"
    for name in ("b.txt", "a.TXT", "c.txt"):
        _write(tmp_path / name, b"x")
    assert [p.name for p in text_files(str(tmp_path))] == ["a.TXT", "b.txt", "c.txt"]
    assert [p.name for p in text_files([tmp_path / "notes.md", tmp_path])][:2] == [
        "notes.md",
        "a.TXT",
    ]
    with pytest.raises(InputError, match="empty list"):
        text_files([])


def test_files_follow_each_other_on_lines_of_their_own(tmp_path: Path) -> None:
    files = [_write(tmp_path / f"{i}.txt", d) for i, d in enumerate([b"a", b"", b"b\r\n", b"c"])]
    assert "".join(pieces(files, tmp_path)) == "a\nb\nc"


def test_pieces_end_at_lines_where_there_are_lines(tmp_path: Path) -> None:
    lines = b"".join(b"line %d\n" % i for i in range(200_000))
    long = b"word " * 1_200_000
    path = _write(tmp_path / "a.txt", lines + long)
    found = list(pieces([path], path))
    assert "".join(found).encode() == lines + long
    assert len(found) > 3
    assert max(map(len, found)) < 5 << 20
    inside = [piece for piece in found if piece.startswith("line")][:-1]
    assert inside
    assert all(piece.endswith("\n") for piece in inside)
    assert all(piece.startswith(" word") for piece in found[-3:])


def test_no_text_at_all(tmp_path: Path) -> None:
    for data in (b"", b"\xef\xbb\xbf"):
        path = _write(tmp_path / "a.txt", data)
        with pytest.raises(InputError, match="the file is empty") as caught:
            list(pieces([path], path))
        assert caught.value.where == str(path)


def test_a_folder_given_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read: Is a directory"):
        list(decoded(tmp_path))


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_packed_file_is_unpacked(pack, tmp_path):
    packed = tmp_path / "a.txt.packed"
    packed.write_bytes(pack(b"one\r\ntwo\n" * 1000))
    seen = []
    assert "".join(decoded(packed, observe=seen.append, block=7)) == "one\ntwo\n" * 1000
    assert b"".join(seen) == b"one\r\ntwo\n" * 1000
    for cut in (12, len(packed.read_bytes()) - 1):
        short = tmp_path / f"{cut}.packed"
        short.write_bytes(packed.read_bytes()[:cut])
        with pytest.raises(InputError, match="damaged") as caught:
            list(decoded(short))
        assert caught.value.where == str(short)
