"""IMDb as it is downloaded, and unpacked."""

import io
import tarfile
from pathlib import Path

import pytest

from clew.data.tables import read_labelled, read_texts
from clew.errors import InputError

FILES = {
    "aclImdb/README": b"about",
    "aclImdb/imdb.vocab": b"the\n",
    "aclImdb/test/urls_pos.txt": b"http://\n",
    "aclImdb/test/labeledBow.feat": b"9 0:9\n",
    "aclImdb/test/neg/0_2.txt": b"I saw it.<br /><br />No.",
    "aclImdb/test/pos/0_10.txt": b"Yes.",
    "aclImdb/train/labeledBow.feat": b"9 0:9\n",
    "aclImdb/train/unsupBow.feat": b"0:9\n",
    "aclImdb/train/urls_unsup.txt": b"http://\n",
    "aclImdb/train/pos/1_9.txt": "Très good.".encode(),
    "aclImdb/train/pos/0_7.txt": b"Good.",
    "aclImdb/train/neg/0_1.txt": b"Bad.",
    "aclImdb/train/unsup/0_0.txt": b"Who knows.",
}


def _archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_the_archive_is_read_without_unpacking(tmp_path: Path) -> None:
    path = _archive(tmp_path / "aclImdb_v1.tar.gz", FILES)
    train = read_labelled(path)
    assert train.labels == ["neg", "pos", "pos"]
    assert train.sequences == ["Bad.", "Good.", "Très good."]
    assert train.where[0] == f"{path}/aclImdb/train/neg/0_1.txt"
    test = read_labelled(path, split="test")
    assert test.sequences == ["I saw it.<br /><br />No.", "Yes."]
    assert train.fingerprint != test.fingerprint
    assert train.fingerprint == read_labelled(path, split="train").fingerprint
    assert [p.name for p in tmp_path.iterdir()] == ["aclImdb_v1.tar.gz"]


def test_the_unpacked_folder_gives_the_same(tmp_path: Path) -> None:
    path = _archive(tmp_path / "aclImdb_v1.tar.gz", FILES)
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    for split in ("train", "test"):
        packed = read_labelled(path, split=split)  # type: ignore[arg-type]
        folder = read_labelled(tmp_path / "aclImdb", split=split)  # type: ignore[arg-type]
        assert folder.sequences == packed.sequences
        assert folder.labels == packed.labels
    assert read_texts(tmp_path / "aclImdb" / "test") == packed.sequences


def test_texts_of_an_archive_need_a_part(tmp_path: Path) -> None:
    path = _archive(tmp_path / "b.tgz", FILES)
    with pytest.raises(InputError, match="several parts"):
        read_texts(path)


def test_archives_that_are_not_right(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.tar.gz", FILES)
    data = path.read_bytes()
    for size in (0, 100, len(data) // 2, len(data) - 20, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match="archive") as caught:
            read_labelled(path)
        assert caught.value.where == str(path)
    path.write_bytes(b"no archive at all " * 50)
    with pytest.raises(InputError, match="archive cannot be read"):
        read_labelled(path)
    _archive(path, {"other/a.txt": b"x"})
    with pytest.raises(InputError, match="holds no aclImdb/train"):
        read_labelled(path)
    with pytest.raises(InputError, match="no part 'dev'"):
        read_labelled(path, split="dev")
    _archive(path, {"aclImdb/train/pos/0_1.txt": b"caf\xe9"})
    with pytest.raises(InputError, match="byte 3 is 0xe9") as caught:
        read_labelled(path)
    assert "0_1.txt" in str(caught.value.where)
