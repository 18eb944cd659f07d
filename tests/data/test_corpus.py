"""Running text as ids: the same from memory and from files, cut in two, in little memory."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.data.corpus import Corpus, iter_text, read_text
from clew.data.text import Tokenizer, Unit
from clew.errors import InputError

UNITS: list[Unit] = ["char", "word", "bpe"]
TEXT = "".join(f"Line {i}: the quick brown fox, {i * i} — naïve 👍\n" for i in range(400))


def _tokenizer(unit: Unit, text: str = TEXT, **settings: object) -> Tokenizer:
    return Tokenizer.train([text], unit, size=500, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", UNITS)
def test_files_and_memory_give_the_same(unit: Unit, tmp_path: Path) -> None:
    tokenizer = _tokenizer(unit)
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding="utf-8")
    stored = Corpus.encode_files(path, tokenizer, tmp_path / "out")
    memory = Corpus.from_text(TEXT, tokenizer)
    assert isinstance(stored.tokens, np.memmap)
    assert stored.tokens.dtype == memory.tokens.dtype == np.uint16
    assert stored.tokens.tolist() == memory.tokens.tolist() == tokenizer.encode(TEXT)
    assert stored.characters == memory.characters == len(TEXT)
    assert stored.fingerprint == memory.fingerprint == hashlib.sha256(TEXT.encode()).hexdigest()
    again = Corpus.open(tmp_path / "out", tokenizer)
    assert again.tokens.tolist() == stored.tokens.tolist()
    assert len(again) == len(stored)
    # Any program that reads .npy reads it.
    assert np.array_equal(np.load(tmp_path / "out" / "tokens.npy"), memory.tokens)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "out"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("lowercase", [False, True])
@given(
    text=st.text(alphabet="abİé東 \n.", min_size=1, max_size=300), fraction=st.floats(0.01, 0.99)
)
def test_a_split_loses_nothing(unit: Unit, lowercase: bool, text: str, fraction: float) -> None:
    # A size that leaves some words unknown: their characters must be counted all the same.
    size = 262 if unit == "bpe" else 6
    tokenizer = Tokenizer.train([text], unit, size=size, lowercase=lowercase)
    corpus = Corpus.from_text(text, tokenizer)
    try:
        first, last = corpus.split(fraction)
    except InputError:
        assert len(text) < 150
        return
    assert first.tokens.tolist() + last.tokens.tolist() == corpus.tokens.tolist()
    assert first.characters + last.characters == len(text)
    assert first.tokens.tolist() == tokenizer.encode(text[: first.characters])
    assert last.tokens.tolist() == tokenizer.encode(text[first.characters :])
    assert np.shares_memory(last.tokens, corpus.tokens)
    assert len({first.fingerprint, last.fingerprint, corpus.fingerprint}) == 3
    if unit == "char" and not lowercase:
        assert len(first) == int(len(text) * (1 - fraction) + 1e-9)


def test_a_split_is_close_to_what_was_asked() -> None:
    for unit in UNITS:
        corpus = Corpus.from_text(TEXT, _tokenizer(unit))
        first, last = corpus.split(0.1)
        assert abs(len(last) / len(corpus) - 0.1) < 0.01
        both = first.split(0.5)  # a part can be split again
        assert sum(part.characters for part in both) == first.characters
    parts = Corpus.from_text("0123456789", _tokenizer("char")).split(0.3)
    assert [len(part) for part in parts] == [7, 3]


def test_what_cannot_be_split() -> None:
    corpus = Corpus.from_text("ab", _tokenizer("char"))
    for fraction in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(InputError, match="the fraction held out is"):
            corpus.split(fraction)
    for unit in UNITS:
        with pytest.raises(InputError, match="too short"):
            Corpus.from_text("a", _tokenizer(unit)).split(0.5)


def test_lists_are_joined_by_newlines() -> None:
    tokenizer = _tokenizer("char")
    assert tokenizer.decode(Corpus.from_text(["a", "b\n", "c"], tokenizer).tokens) == "a\nb\nc"
    for nothing in ("", []):
        with pytest.raises(InputError, match="there is no text"):
            Corpus.from_text(nothing, tokenizer)


def test_reading(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"two\r\nthree")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone")
    assert read_text(tmp_path) == "".join(iter_text(tmp_path)) == "one\ntwo\nthree"
    assert read_text([tmp_path / "b.txt"]) == "two\nthree"
    raw = hashlib.sha256(b"\xef\xbb\xbfonetwo\r\nthree").hexdigest()
    corpus = Corpus.encode_files(tmp_path, _tokenizer("bpe"), tmp_path / "out")
    assert (corpus.fingerprint, corpus.characters) == (raw, 13)
    with pytest.raises(InputError, match="no such file"):
        iter_text(tmp_path / "c.txt")


def test_a_vocabulary_beyond_uint16() -> None:
    text = "".join(map(chr, range(0x4E00, 0x9FFF))) + "".join(map(chr, range(0x20000, 0x2B000)))
    tokenizer = Tokenizer.train([text], "char", size=100_000)
    corpus = Corpus.from_text(text, tokenizer)
    assert corpus.tokens.dtype == np.uint32
    assert tokenizer.decode(corpus.tokens) == text


def test_writing_again_replaces_and_failing_loses_nothing(tmp_path: Path) -> None:
    tokenizer = _tokenizer("word")
    path, out = tmp_path / "a.txt", tmp_path / "out"
    for text in ("first words\n", "second\n"):
        path.write_text(text)
        assert Corpus.encode_files(path, tokenizer, out).characters == len(text)
    path.write_bytes(b"fine until here \xff")
    with pytest.raises(InputError, match="byte 16"):
        Corpus.encode_files(path, tokenizer, out)
    assert Corpus.open(out).characters == len("second\n")
    (out / "mine.txt").write_text("precious")
    path.write_text("third")
    with pytest.raises(InputError, match="something else"):
        Corpus.encode_files(path, tokenizer, out)
    assert (out / "mine.txt").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "out"]


MEMORY = """
import sys
from itertools import islice
from pathlib import Path
from clew.data.corpus import Corpus, iter_text
from clew.data.text import Tokenizer

def peak():  # MiB; getrusage would count what the parent had when it started this process
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))

text, out, unit = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
small = text.with_name("small.txt")
with text.open() as file:
    small.write_text(file.read(text.stat().st_size // 3))
for name in (small, text):
    # Words are learned too slowly for a test: from the beginning only.
    texts = iter_text(name) if unit == "char" else islice(iter_text(name), 1)
    tokenizer = Tokenizer.train(texts, unit, size=2000)
    corpus = Corpus.encode_files(name, tokenizer, out)
    for start in range(0, len(corpus), 1 << 20):
        corpus.tokens[start : start + (1 << 20)].sum()
        corpus.release()
    print(peak())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize(("unit", "size"), [("char", 80), ("word", 15)])
def test_memory_does_not_grow_with_the_file(unit: Unit, size: int, tmp_path: Path) -> None:
    """A whole file takes hardly more than a third of it, so 2 GB take about the same too.

    On a slope of a quarter of a byte a byte, 2 GB would be 500 MB.
    """
    path = tmp_path / "big.txt"
    block = "".join(f"The {i}th of many lines in a long text, by and by\n" for i in range(20_000))
    with path.open("w") as file:
        for _ in range(size * 1_000_000 // len(block)):
            file.write(block)
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, path, tmp_path / "out", unit],
        capture_output=True,
        text=True,
        check=True,
    )
    small, big = (int(line) for line in run.stdout.split())
    assert big - small < 0.25 * size * 2 / 3 + 4, run.stdout
    assert big < 300, run.stdout
