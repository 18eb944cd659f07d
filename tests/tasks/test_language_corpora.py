"""From a user's text to encoded corpora: nothing lost, nothing learned that is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.tasks._language import corpora as _corpora
from clew.tasks._language.corpora import Cutting, joined, pieces, prepare, unknown_tokens
from clew.tasks._work import workspace

TEXT = "".join(f"line {n} of the text, n\N{LATIN SMALL LETTER E WITH ACUTE}e.\n" for n in range(90))
CHARACTERS = Cutting("char", 1000, 1)


def test_both_parts_together_are_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    for cutting in (CHARACTERS, Cutting("word", 1000, 1), Cutting("bpe", 300, 1)):
        for source in (TEXT, tmp_path / "a.txt"):
            found = prepare(source, None, 0.2, cutting, tmp_path / f"work-{cutting.unit}")
            parts = [found.tokenizer.decode(c.tokens) for c in (found.train, found.held_out)]
            if cutting.unit != "word":  # numbers of the last lines are not in the vocabulary
                assert "".join(parts) == TEXT
            assert len(parts[1]) == pytest.approx(0.2 * len(TEXT), rel=0.1)
            assert found.lengthy == pytest.approx(
                found.held_out.characters / len(found.held_out.tokens)
            )


def test_files_are_mapped_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    found = prepare([tmp_path / "a.txt"], tmp_path / "a.txt", 0.1, CHARACTERS, tmp_path / "work")
    for corpus in (found.train, found.held_out):
        assert isinstance(corpus.tokens, np.memmap)
        np.testing.assert_array_equal(np.concatenate(list(pieces(corpus, 100))), corpus.tokens)


@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
def test_the_vocabulary_is_that_of_the_first_part(tmp_path: Path, unit: str) -> None:
    text = TEXT + "\N{SNOWMAN} zzyzx\n" * (len(TEXT) // 50)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    cutting = Cutting(unit, 400, 1)  # type: ignore[arg-type]
    from_file = prepare(tmp_path / "a.txt", None, 0.3, cutting, tmp_path / "work")
    from_text = prepare(text, None, 0.3, cutting, tmp_path / "other")
    for found in (from_file, from_text):
        assert not {"\N{SNOWMAN}", "zzyzx", " zzyzx"} & set(found.tokenizer.vocabulary)
        assert unknown_tokens(found.train) == 0 or unit == "word"
        if unit != "bpe":
            assert unknown_tokens(found.held_out) >= text.count("\N{SNOWMAN}")


def test_of_a_long_held_out_part_the_beginning_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    found = prepare(TEXT, None, 0.3, Cutting("word", 400, 1), Path("unused"))
    assert len(found.judged) == len(found.held_out)
    monkeypatch.setattr(_corpora, "SCORES", 60 * len(found.tokenizer))
    assert len(found.judged) == 60
    monkeypatch.setattr(_corpora, "JUDGED", 50)
    assert len(found.judged) == 50
    assert found.judged.characters == pytest.approx(50 * found.lengthy, abs=1)
    np.testing.assert_array_equal(found.judged.tokens, found.held_out.tokens[:50])
    assert unknown_tokens(found.judged) == list(found.judged.tokens).count(1)


def test_encoded_text_is_found_again_unless_the_files_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    real = Tokenizer.train.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        Tokenizer, "train",
        classmethod(lambda cls, *a, **k: (trained.append("again"), real(cls, *a, **k))[1]),
    )  # fmt: skip
    path, work = tmp_path / "a.txt", tmp_path / "work"
    path.write_text(TEXT, encoding="utf-8")
    first = prepare(path, None, 0.1, CHARACTERS, work)
    assert prepare(path, None, 0.1, CHARACTERS, work).fingerprint == first.fingerprint
    assert len(trained) == 1
    prepare(path, None, 0.2, CHARACTERS, work)
    assert len(trained) == 2
    path.write_text(TEXT + "more\n", encoding="utf-8")
    assert prepare(path, None, 0.2, CHARACTERS, work).fingerprint != first.fingerprint
    assert len(trained) == 3
    (work / "corpus" / "tokens.npy").write_bytes(b"torn")
    again = prepare(path, None, 0.2, CHARACTERS, work)
    assert len(trained) == 4
    assert len(again.train) + len(again.held_out) == len(TEXT) + 5


def test_the_workspace_goes_when_it_is_done_with(tmp_path: Path) -> None:
    with workspace(None) as work:
        (work / "file").write_text("x")
    assert not work.exists()
    with workspace(tmp_path) as work:
        work.mkdir()
    assert not work.exists()
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path)
    assert work.exists()  # an interrupted fit finds it again


def _interrupted(out: Path) -> None:
    with workspace(out) as work:
        work.mkdir()
        raise KeyboardInterrupt


def test_lists_are_lines_and_names_of_files_are_refused(tmp_path: Path) -> None:
    assert joined(["a\n", "b", ""], "corpus") == "a\nb\n\n"
    assert joined("a", "corpus") == "a"
    assert joined(tmp_path, "corpus") == [tmp_path]
    with pytest.raises(InputError) as caught:
        joined(str(tmp_path), "corpus")
    assert "Path(" in (caught.value.hint or "")
    with pytest.raises(InputError, match="this is no text but list"):
        joined([tmp_path, "a"], "corpus")  # type: ignore[list-item]


def test_the_beginning_is_cut_by_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    size = len(TEXT.encode())
    for share in (0.3, 0.999, 1.0):
        start = "".join(_corpora._beginning([tmp_path / "a.txt"], round(share * size)))
        assert TEXT.startswith(start)
        assert len(start.encode()) == pytest.approx(share * size, abs=2)
