"""The language model as its user meets it: learning, scores, writing, saving, resuming."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from language_models import TEXT, assert_same, tiny, verses, weights
from sklearn.base import clone

import clew
from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.tasks._folder import write_model
from clew.tasks.language import LanguageModel


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny(epochs=6).fit(TEXT)


# Learning and scores


def test_learns_and_says_how_well_beside_models_without_memory() -> None:
    fitted = tiny(epochs=8, baseline=True).fit(TEXT)
    score, baseline = fitted.metrics_["score"], fitted.metrics_["baseline"]
    cut = int(len(TEXT) * 0.9)
    held_out = TEXT[cut:]
    assert fitted.metrics_["held_out"]["tokens"] == len(held_out)
    exact = fitted.evaluate(held_out)
    assert score["bits_per_character"] == pytest.approx(exact.bits_per_character, rel=1e-3)
    assert score["bits_per_character"] < 0.6 * baseline["unigram"]["bits_per_character"]
    counts = {c: TEXT[:cut].count(c) for c in set(TEXT[:cut])}
    size = len(fitted.tokenizer_)
    single = [
        -math.log2((counts.get(c, 0) + len(counts) / size) / (cut + len(counts))) for c in held_out
    ]
    assert baseline["unigram"]["bits_per_character"] == pytest.approx(np.mean(single), rel=1e-9)
    by_order = baseline["nats_per_token_by_order"]
    assert baseline["nats_per_token"] == min(by_order[str(n)] for n in range(2, 6))
    assert 0 < fitted.metrics_["window"]["nats_per_token"] < by_order["1"]
    assert "chosen on this text" in fitted.metrics_["held_out"]["note"]
    json.dumps(fitted.metrics_, allow_nan=False)


def test_surprise_adds_up_to_the_score(model: LanguageModel) -> None:
    text = "the cat sang.\nZ! a dog"
    pieces = model.surprise(text)
    assert "".join(piece for piece, _ in pieces) == text
    score = model.score(text)
    assert sum(bits for _, bits in pieces) == pytest.approx(
        score.bits_per_token * len(text), rel=1e-5
    )
    assert (score.tokens, score.characters, score.unknown) == (len(text), len(text), 2)  # Z and !
    assert score.perplexity == pytest.approx(2**score.bits_per_token)
    counts = {c: TEXT[: int(len(TEXT) * 0.9)].count(c) + 1 for c in set(TEXT)}
    first = -math.log2(counts["t"] / (sum(counts.values()) + 2))
    assert pieces[0][1] == pytest.approx(first, rel=1e-4)
    assert model.surprise("") == []


def test_scores_do_not_depend_on_pieces(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clew.tasks._language import scoring as _scoring

    whole = model.score(TEXT[:500])
    one_by_one = sum(bits for _, bits in model.surprise(TEXT[:500])) / 500
    monkeypatch.setattr(_scoring.exact_nats, "__defaults__", (13,))
    assert model.score(TEXT[:500]).bits_per_token == pytest.approx(whole.bits_per_token, rel=1e-5)
    assert one_by_one == pytest.approx(whole.bits_per_token, rel=1e-5)


def test_seeing_less_never_helps_and_seeing_all_is_the_score(model: LanguageModel) -> None:
    text = verses(30, seed=7)
    seen = [model.evaluate(text, context=n).bits_per_character for n in (0, 1, 4, len(text))]
    assert seen[0] > seen[1] > seen[2]
    assert seen[3] == pytest.approx(model.score(text).bits_per_character, rel=1e-5)
    sample = model.evaluate(text, context=4, positions=100)
    assert sample.tokens == 100
    assert sample.tokens_in_text == len(text)
    assert sample.bits_per_character == pytest.approx(seen[2], rel=0.25)
    for settings in ({"context": -1}, {"context": 1.0}, {"context": 1, "positions": 0}):
        with pytest.raises(InputError, match="is"):
            model.evaluate(text, **settings)


# Where text comes from


def test_text_list_file_and_folder_give_the_same_model(tmp_path: Path) -> None:
    expected = tiny(epochs=1).fit(TEXT)
    lines = TEXT.splitlines()
    assert_same(tiny(epochs=1).fit(lines), expected)
    (tmp_path / "parts").mkdir()
    half = TEXT[: len(TEXT) // 2].rfind("\n") + 1
    (tmp_path / "whole.txt").write_text(TEXT)
    (tmp_path / "parts" / "a.txt").write_text(TEXT[:half])
    (tmp_path / "parts" / "b.txt").write_text(TEXT[half:])
    assert_same(tiny(epochs=1).fit(tmp_path / "whole.txt"), expected)
    assert_same(tiny(epochs=1).fit(tmp_path / "parts"), expected)
    parts = [tmp_path / "parts" / "a.txt", tmp_path / "parts" / "b.txt"]
    assert_same(tiny(epochs=1).fit(parts), expected)
    score = expected.score(tmp_path / "whole.txt")
    assert score == expected.score(TEXT)


def test_validation_text_is_judged_and_never_learned_from(tmp_path: Path) -> None:
    apart = verses(20, seed=3) + "Q"
    (tmp_path / "apart.txt").write_text(apart)
    fitted = tiny(epochs=1).fit(TEXT, validation=apart)
    assert "Q" not in fitted.tokenizer_.vocabulary
    assert fitted.data_["tokens"] == len(TEXT)
    assert fitted.metrics_["held_out"]["unknown"] == 1
    assert fitted.metrics_["score"]["nats_per_token"] == pytest.approx(
        fitted.score(apart).nats_per_token, rel=1e-3
    )
    assert_same(tiny(epochs=1).fit(TEXT, validation=tmp_path / "apart.txt"), fitted)


def test_what_is_held_out_is_not_learned_from() -> None:
    fitted = tiny(epochs=1).fit(TEXT[: int(len(TEXT) * 0.95)] + "Q" * int(len(TEXT) * 0.05))
    assert "Q" not in fitted.tokenizer_.vocabulary
    changed = tiny(epochs=1).fit(TEXT[: int(len(TEXT) * 0.95)] + "R" * int(len(TEXT) * 0.05))
    assert_same(fitted, changed)


@pytest.mark.parametrize(("unit", "size"), [("word", 40), ("bpe", 280)])
def test_words_and_byte_pairs(unit: str, size: int) -> None:
    fitted = tiny(unit=unit, vocabulary_size=size, tie=True, embedding_size=16).fit(TEXT)
    written = fitted.generate("the cat", length=20, seed=0)
    assert written
    assert fitted.generate("the cat", length=20, seed=0) == written
    score = fitted.score(TEXT[:300])
    pieces = fitted.surprise(TEXT[:300])
    assert score.characters == 300 > score.tokens == len(pieces)
    bits = sum(bits for _, bits in pieces)
    assert score.bits_per_character == pytest.approx(bits / 300, rel=1e-4)
    assert score.bits_per_token == pytest.approx(bits / len(pieces), rel=1e-4)


# Writing


def test_writes_what_it_would_score_as_likely(model: LanguageModel) -> None:
    prompt = "a dog "
    written = model.generate(prompt, length=60, temperature=0)
    pieces = model.surprise(prompt + written)
    for place in range(len(prompt), len(pieces)):
        likelihood = 2 ** -pieces[place][1]
        others = sorted(set(model.tokenizer_.vocabulary[2:]) - {pieces[place][0]})
        if place % 20 == 0:
            before = (prompt + written)[:place]
            rival = max(2 ** -model.surprise(before + other)[-1][1] for other in others)
            assert likelihood >= rival
    assert model.generate(prompt, length=60, temperature=0, seed=5) == written
    assert model.generate(prompt, length=60, top_k=1, seed=6) == written


def test_draws_as_often_as_it_says(model: LanguageModel) -> None:
    prompt = "old Ann s"
    drawn = [model.generate(prompt, length=1, seed=seed) for seed in range(400)]
    for letter in "ai":
        chance = 2 ** -model.surprise(prompt + letter)[-1][1]
        assert drawn.count(letter) / 400 == pytest.approx(chance, abs=0.08)


def test_streaming_stopping_and_refusing(model: LanguageModel) -> None:
    whole = model.generate("the", length=80, seed=1)
    assert len(whole) == 80
    pieces = list(model.generate_stream("the", length=80, seed=1))
    assert "".join(pieces) == whole
    assert len(pieces) == 80
    stop = whole[20:23]
    assert model.generate("the", length=80, seed=1, stop=stop) == whole[: whole.index(stop)]
    assert model.generate("the", length=80, seed=1, stop=["#", stop]) == whole[: whole.index(stop)]
    assert model.generate(length=0) == ""
    assert len(model.generate(length=5)) == 5
    with pytest.raises(InputError) as caught:
        model.generate("the c\N{LATIN SMALL LETTER A WITH GRAVE}t")
    assert (caught.value.where or "").startswith("prompt, character 6 of 7")
    with pytest.raises(InputError, match="temperature"):
        model.generate_stream("the", temperature=-1)  # at once, not when the text is asked for


# Saved and loaded


def test_saved_is_loaded_bit_for_bit(model: LanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    read = clew.load(tmp_path / "model")
    assert isinstance(read, LanguageModel)
    assert_same(read, model)
    assert read.score(TEXT[:400]) == model.score(TEXT[:400])
    assert read.surprise("a dog") == model.surprise("a dog")
    assert read.generate("a dog", seed=3) == model.generate("a dog", seed=3)
    assert read.get_params() == model.get_params()
    assert read.metrics_ == model.metrics_
    for name in ("README.md", "learning-curve.png", "tokenizer.json"):
        assert (tmp_path / "model" / name).stat().st_size > 0
    with pytest.raises(InputError, match="holds a finished model"):
        model.save(tmp_path / "model")


def test_a_folder_with_another_tokenizer_is_refused(model: LanguageModel, tmp_path: Path) -> None:
    write_model(
        tmp_path / "model", task="language", parameters=model.get_params(),
        network={"vocabulary": len(model.tokenizer_)}, tensors=weights(model),
        tokenizer=Tokenizer.train(["ab"], "char").to_json(), metrics=model.metrics_, card="",
        data=model.data_,
    )  # fmt: skip
    with pytest.raises(InputError, match="not the size of the tokenizer"):
        clew.load(tmp_path / "model")


# As an estimator, and users' mistakes


def test_is_an_estimator() -> None:
    estimator = tiny(cell="gru")
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert copy.set_params(window=8).window == 8
    with pytest.raises(ValueError, match="Invalid parameter"):
        copy.set_params(windows=8)
    with pytest.raises(TypeError):
        LanguageModel(windows=8)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="not fitted"):
        copy.score("text")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"window": -1}, "window is -1"),
        ({"batch_size": 1.5}, "batch_size is 1.5"),
        ({"unit": "line"}, "unit is 'line'"),
        ({"cell": "xlstm"}, "cell is 'xlstm'"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"held_out": 0}, "held_out is 0"),
        ({"held_out": 1.0}, "held_out is 1.0"),
        ({"tie": True}, "sizes must match"),
        ({"epochs": 0}, "epochs is 0"),
        ({"time": "soon"}, "'soon' is not a length of time"),
        ({"vocabulary_size": 1}, "vocabulary of 1 is too small"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny(**changes).fit(TEXT)


def test_impossible_texts(model: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "binary.txt").write_bytes(b"abc\0def" * 20)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait" * 20)
    for text, message in [
        ("", "there is no text"),
        ([], "this is no text but list"),
        (3, "this is no text but int"),
        ("ab", "only 1 token"),
        ([TEXT, 3], "this is no text but list"),
        (str(tmp_path / "text.txt"), "the name of a file"),
        (tmp_path / "empty.txt", "the file is empty"),
        (tmp_path / "binary.txt", "binary file"),
        (tmp_path / "latin.txt", "byte 3"),
        (tmp_path / "text.text", "no such file"),
    ]:
        with pytest.raises(InputError, match=message):
            tiny().fit(text)  # type: ignore[arg-type]
        if text not in ("ab",):
            with pytest.raises(InputError, match=message):
                model.score(text)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"this is of type .*Path"):
        model.surprise(tmp_path)  # type: ignore[arg-type]


def test_a_short_text_gets_fewer_streams() -> None:
    fitted = tiny(batch_size=64, window=100).fit("to be or not to be, " * 3)
    assert math.isfinite(fitted.metrics_["score"]["nats_per_token"])
