"""Cutting text into ids: what goes in comes out, and the JSON means the same to other programs."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library

from clew.data.text import Tokenizer, Unit
from clew.errors import InputError

SAMPLE = (
    "To be, or not to be: that's the question.\nWhether 'tis nobler\tin the mind — 3.14!\r\n"
    "  naïve café e\u0301, 東京 👍🏽 👩\u200d👩\u200d👧 \u2028 <pad> <unk>\n\n"
)
# Characters that have broken tokenizers before, beside whatever hypothesis finds.
AWKWARD = st.one_of(
    st.sampled_from(" _-9'’aBéßİΣ東ア▁Ġ\0\n\r\t\x1c\x85\u00a0\u200b\u2028\ufeff\ufffd"),
    st.sampled_from(["  ", "\r\n", "'s", "e\u0301", "👍🏽", "👩\u200d👩", "<pad>", "<unk>", "##"]),
)
ASCII = st.text(alphabet=st.characters(max_codepoint=127))  # takes the short cut of words and BPE
TEXTS = st.one_of(st.text(), ASCII, st.lists(AWKWARD, max_size=20).map("".join))
UNITS: list[Unit] = ["char", "word", "bpe"]

BPE = Tokenizer.train([SAMPLE] * 3, "bpe", size=400)


@pytest.mark.parametrize("unit", UNITS)
@given(text=TEXTS)
def test_decoding_gives_the_text_back(unit: Unit, text: str) -> None:
    tokenizer = BPE if unit == "bpe" else Tokenizer.train([text], unit)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.unknown(text) == []
    assert 0 not in ids
    assert 1 not in ids
    assert len(tokenizer.tokens(text)) == len(ids)
    if unit != "bpe":
        assert "".join(tokenizer.tokens(text)) == text


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("lowercase", [False, True])
@given(text=TEXTS)
def test_the_json_means_the_same_to_the_library(unit: Unit, lowercase: bool, text: str) -> None:
    tokenizer = Tokenizer.train([SAMPLE, text, text], unit, size=300, lowercase=lowercase)
    library = Library.from_str(tokenizer.to_json())
    expected = library.encode(text).ids
    assert tokenizer.encode(text) == expected
    assert tokenizer.encode_array(text).tolist() == expected
    assert tokenizer.encode_batch([text, "", text]) == [expected, [], expected]
    assert tokenizer.decode(expected) == library.decode(expected, skip_special_tokens=False)


@given(text=ASCII)
def test_dropping_spaces_means_the_same_to_the_library(text: str) -> None:
    tokenizer = Tokenizer.train([text], "word", keep_spaces=False)
    expected = Library.from_str(tokenizer.to_json()).encode(text).ids
    assert tokenizer.encode(text) == expected
    assert tokenizer.encode(text + "é\n" + text)[-len(expected) :] == (expected or [1])


@given(text=TEXTS)
def test_every_newline_stands_alone(text: str) -> None:
    for unit in ("word", "bpe"):
        tokenizer = Tokenizer.train([text], "word") if unit == "word" else BPE
        assert tokenizer.tokens(text).count("\n") == text.count("\n")


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_unknown_pieces_are_named_with_their_place(texts: list[str]) -> None:
    *known, text = texts
    for unit in ("char", "word"):
        tokenizer = Tokenizer.train([*known, ""], unit)  # type: ignore[arg-type]
        found = tokenizer.unknown(text)
        assert len(found) == tokenizer.encode(text).count(1)
        for position, piece in found:
            assert text[position : position + len(piece)] == piece
            assert piece not in tokenizer.vocabulary


def test_words_carry_their_space() -> None:
    tokenizer = Tokenizer.train(["x"], "word")
    text = "Hello, world  it's\n\n \tfoo 1.5!"
    assert tokenizer.tokens(text) == (
        ["Hello", ",", " world", " ", " it's", "\n", "\n", " ", "\t", "foo", " 1", ".", "5", "!"]
    )


def test_classification_drops_spaces_and_splits_punctuation() -> None:
    tokenizer = Tokenizer.train(["A fine film, it's 'good' !\n"], "word", keep_spaces=False)
    assert tokenizer.tokens("It's  fine,\n\t'good'") == ["It's", "fine", ",", "'", "good", "'"]
    assert tokenizer.decode(tokenizer.encode("it's fine !")) == "it's fine !"
    # Sentences that were split before, as SST-2 is, keep their clitics whole.
    assert tokenizer.tokens("the film 's plot") == ["the", "film", "'s", "plot"]


def test_most_frequent_first_and_limits() -> None:
    words = ["b b b a a c c d"]
    tokenizer = Tokenizer.train(words, "word", keep_spaces=False)
    assert tokenizer.vocabulary == ["<pad>", "<unk>", "b", "a", "c", "d"]
    assert Tokenizer.train(words, "word", size=4, keep_spaces=False).vocabulary[2:] == ["b", "a"]
    some = Tokenizer.train(words, "word", min_count=2, keep_spaces=False)
    assert some.vocabulary[2:] == ["b", "a", "c"]
    assert some.encode("a d b zz") == [3, 1, 2, 1]
    assert some.unknown("a d b zz") == [(2, "d"), (6, "zz")]
    characters = Tokenizer.train(["bbbaac"], "char", min_count=2)
    assert characters.vocabulary[2:] == ["b", "a"]
    assert characters.unknown("abcd") == [(2, "c"), (3, "d")]
    assert len(Tokenizer.train([SAMPLE] * 9, "bpe", size=270)) == 270


def test_text_that_spells_a_mark_does_not_become_it() -> None:
    text = " ".join(["<pad>", "<unk>"] * 50)
    for unit in UNITS:
        tokenizer = Tokenizer.train([text], unit, size=400)
        assert not {0, 1} & set(tokenizer.encode(text))
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_training_reads_an_iterator_once_and_its_cuts_do_not_matter() -> None:
    lines = [f"line {i} of the text, word{i % 7}\n" for i in range(300)]
    for unit in UNITS:
        whole = Tokenizer.train(["".join(lines)], unit, size=400)
        stream = iter(lines)
        assert Tokenizer.train(stream, unit, size=400).to_json() == whole.to_json()
        assert next(stream, None) is None


def test_saved_is_loaded(tmp_path: Path) -> None:
    for unit in UNITS:
        tokenizer = Tokenizer.train([SAMPLE], unit, size=300, lowercase=unit == "word")
        tokenizer.save(tmp_path / "t.json")
        for other in (Tokenizer.load(tmp_path / "t.json"), pickle.loads(pickle.dumps(tokenizer))):
            assert other.to_json() == tokenizer.to_json()
            assert other.fingerprint == tokenizer.fingerprint
            assert (other.unit, other.lowercase) == (unit, unit == "word")
            assert other.encode(SAMPLE) == tokenizer.encode(SAMPLE)


def test_decoding_leaves_out_padding_and_refuses_what_is_no_id() -> None:
    tokenizer = Tokenizer.train(["ab"], "char")
    a, b = tokenizer.encode("ab")
    assert tokenizer.decode(np.array([a, 0, 1, b, 0])) == "a<unk>b"
    for wrong in (-1, 4):
        with pytest.raises(InputError, match=f"id {wrong} is not in the vocabulary"):
            tokenizer.decode([wrong])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 2}, "too small"),
        ({"size": -1}, "too small"),
        ({"min_count": 0}, "min_count is 0"),
        ({"unit": "letters"}, "unknown unit 'letters'"),
        ({"unit": "bpe", "size": 257}, "too small"),
    ],
)
def test_wrong_settings(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tokenizer.train(["text"], **{"unit": "char", **change})  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", UNITS)
def test_half_a_character_is_named(unit: Unit) -> None:
    with pytest.raises(InputError, match="surrogate pair at character 2"):
        Tokenizer.train(["ab\ud800"], unit, size=300)
    tokenizer = Tokenizer.train(["ab"], unit, size=300)
    with pytest.raises(InputError, match="surrogate pair at character 1"):
        tokenizer.encode("a\udfffb")


def _changed(unit: Unit, change: object) -> str:
    whole = json.loads(Tokenizer.train([SAMPLE], unit, size=300).to_json())
    change(whole)  # type: ignore[operator]
    return json.dumps(whole)


def _vocab(update: dict[str, object]) -> object:
    return lambda whole: whole["model"]["vocab"].update(update)


@pytest.mark.parametrize(
    ("unit", "change", "message"),
    [
        ("char", _vocab({"a": 10_000}), "gives 'a' the id 10000"),
        ("char", _vocab({"a": -1}), "gives 'a' the id -1"),
        ("char", _vocab({"a": 2.0}), "gives 'a' the id 2.0"),
        ("char", _vocab({"a": True}), "gives 'a' the id True"),
        ("char", _vocab({"<pad>": 1, "<unk>": 0}), "first pieces are"),
        ("char", lambda w: w["model"].update(type="Unigram"), "unknown kind"),
        ("char", lambda w: w["model"].pop("vocab"), "no proper 'vocab'"),
        ("char", lambda w: w["model"].update(vocab=[]), "no proper 'vocab'"),
        ("char", lambda w: w.update(model=None), "no proper 'model'"),
        ("char", lambda w: w.update(normalizer={"type": "NFC"}), "normalizer is not one"),
        ("char", lambda w: w["pre_tokenizer"].update(pattern={"Regex": "((a+)+)+$"}), "cuts text"),
        ("word", lambda w: w.update(post_processor={"type": "ByteLevel"}), "post processor"),
        ("word", lambda w: w.update(added_tokens=[{"id": 5}]), "added tokens"),
        ("bpe", lambda w: w["model"].update(merges=[["q", "nonsense"]]), "merge 0"),
        ("bpe", lambda w: w["model"].update(merges=[7]), "merge 0"),
        ("bpe", lambda w: w.update(pre_tokenizer=None), "pre tokenizer"),
    ],
)
def test_a_changed_tokenizer_is_refused(unit: Unit, change: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tokenizer.from_json(_changed(unit, change))


@given(data=st.data())
def test_a_damaged_tokenizer_never_crashes(data: st.DataObject) -> None:
    raw = bytearray(BPE.to_json().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(32, 126))
    cut = data.draw(st.integers(0, len(raw)))
    for text in (raw.decode(errors="replace"), raw[:cut].decode(errors="replace")):
        try:
            tokenizer = Tokenizer.from_json(text)
        except InputError:
            continue
        assert tokenizer.decode(tokenizer.encode(SAMPLE))


@pytest.mark.parametrize("text", ["", "null", "[]", "3", "[" * 100_000, '{"model": {}}'])
def test_json_that_is_no_tokenizer(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InputError) as caught:
        Tokenizer.load(tmp_path / "t.json")
    assert caught.value.where == str(tmp_path / "t.json")


def test_a_tokenizer_file_that_is_missing_or_binary(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Tokenizer.load(tmp_path / "none.json")
    (tmp_path / "t.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InputError, match="not UTF-8 at byte 7"):
        Tokenizer.load(tmp_path / "t.json")
