"""Both sides of a translator: pieces, what is written of them, and how they are kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from translators import TINY, pairs

from clew.tasks._header import check_tokenizer
from clew.tasks._translate.sides import Side, Sides, copied
from clew.tasks.translate import Translator

FRENCH = ["Ça va ?", "Oui, c'est ça !", "L'été, il fait chaud… 30 °C", "« Non », dit-il."]


def side(unit="bpe", items=FRENCH, **options):
    given_ = {"size": 400, "min_count": 1, "lowercase": False, **options}
    return Side.learn("text", items, unit=unit, **given_)


@pytest.mark.parametrize("unit", ["bpe", "word", "char"])
def test_what_is_written_is_ordinary_text(unit):
    found = side(unit)
    for text in FRENCH:
        [pieces] = found.encode([text])
        assert found.write(pieces.tolist(), [None] * len(pieces)) == text
        assert "".join(found.shown(text)).strip() == text
        assert len(found.shown(text)) == len(pieces)
        assert max(pieces) < found.end == found.size - 1


@given(st.text())
def test_byte_pairs_write_any_text(text):
    found = side()
    [pieces] = found.encode([text])
    assert found.write(pieces.tolist(), [None] * len(pieces)) == text.strip()


def test_the_first_word_is_the_word_it_is_elsewhere():
    found = side("word", ["va oui va"])
    [pieces] = found.encode(["va oui va"])
    assert pieces[0] == pieces[2]


def test_copies_stand_in_the_place_of_unknown_pieces():
    found = side("word", ["a b c"])
    [pieces] = found.encode(["a Zed c Q"])
    assert pieces.tolist().count(1) == 2
    assert found.write(pieces.tolist(), [None, " Tom", None, " Q"]) == "a Tom c Q"
    assert copied([" x", " Zed"], [3, 1, 1], [0, 1, 2]) == [None, " Zed", "<unk>"]
    listed = Side.learn("tokens", [["a", "b"]], unit="word", size=9, min_count=1, lowercase=False)
    [pieces] = listed.encode([["a", "Z", "b"]])
    assert listed.write(pieces.tolist(), [None, "Z", None]) == ["a", "Z", "b"]


@pytest.mark.parametrize("unit", ["bpe", "word", "char"])
@pytest.mark.parametrize("shared", [True, False])
def test_kept_tokenizers_are_standard_ones_and_few_bytes(unit, shared):
    words = [f"word{n} autre{n * 7}" for n in range(900)]
    found = Sides.learn(
        words, words[::-1], unit=unit, size=900, min_count=1, lowercase=False, shared=shared
    )
    raw = found.to_json()
    check_tokenizer(raw.encode(), max(found.source.size, found.target.size), "here")
    parts = [raw] if shared else [json.dumps(part) for part in json.loads(raw).values()]
    assert len(parts) == 2 - shared
    for part in parts:
        assert Library.from_str(part).encode(" word3").ids == found.source.encode(["word3"])[
            0
        ].tolist() or unit == "char" or part != parts[0]  # fmt: skip


def test_a_shared_vocabulary_is_one_object_again_after_loading(tmp_path):
    from clew.tasks import load

    model = Translator(**TINY, shared=True).fit(*pairs(16), out=tmp_path / "m")
    again = load(tmp_path / "m")
    for each in (model, again):
        assert each.source_tokenizer_ is each.target_tokenizer_
        assert each.network_.target is None
