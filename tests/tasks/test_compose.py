"""Composer: what it learns, foretells and writes; folders; what it refuses."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from classifiers import Told
from composers import assert_same, parsed, tiny, tunes, write
from sklearn.base import clone

from clew.data.abc import check, parse
from clew.errors import InputError
from clew.tasks._folder import read_model
from clew.tasks._ngrams import NGrams
from clew.tasks.compose import Composer


@pytest.fixture(scope="module")
def composer() -> Composer:
    return tiny(epochs=3, baseline=True).fit(parsed(40))


def read(folder: Path) -> Composer:
    return Composer._read(read_model(folder))


def test_a_file_a_folder_and_a_list_are_the_same(tmp_path: Path) -> None:
    listed = tiny(epochs=1).fit(parsed(12))
    write(tmp_path / "tunes.abc", 12)
    assert_same(tiny(epochs=1).fit(tmp_path / "tunes.abc"), listed)
    (tmp_path / "folder" / "in").mkdir(parents=True)
    (tmp_path / "folder" / "a.abc").write_text("\n".join(tunes(12)[:7]))
    (tmp_path / "folder" / "in" / "b.abc").write_text("\n".join(tunes(12)[7:]))
    assert_same(tiny(epochs=1, notation="abc").fit(str(tmp_path / "folder")), listed)


def test_what_is_reported(composer: Composer) -> None:
    score, held = composer.metrics_["score"], composer.metrics_["held_out"]
    assert score["bits_per_token"] == pytest.approx(score["nats_per_token"] / math.log(2))
    total = score["nats_per_token"] * held["tokens"]
    assert score["nats_per_character"] == pytest.approx(total / held["characters"])
    assert composer.history_.best == pytest.approx(score["nats_per_token"], rel=1e-5)
    baseline = composer.metrics_["baseline"]
    assert baseline["name"].endswith("-grams")
    assert baseline["nats_per_token"] == min(
        baseline["nats_per_token_by_order"][order] for order in "2345"
    )
    assert baseline["unigram"]["nats_per_token"] > baseline["nats_per_token"]
    assert composer.data_["tunes"] + composer.data_["held_out"] == 40


def test_scores_of_other_tunes(composer: Composer, tmp_path: Path) -> None:
    some = parsed(5, seed=9)
    found = composer.evaluate(some)
    assert found["tunes"] == 5
    assert composer.score(some) == -found["nats_per_token"]
    each = [composer.evaluate([tune]) for tune in some]  # alone = together
    nats = sum(one["nats_per_token"] * one["tokens"] for one in each)
    assert found["nats_per_token"] * found["tokens"] == pytest.approx(nats, rel=1e-5)
    assert composer.evaluate(write(tmp_path / "a.abc", 5, 9)) == pytest.approx(found)
    strange = parse("X:1\nM:6/8\nL:1/8\nK:D\nd''6|")
    assert composer.evaluate([strange])["unknown"] == 2  # the note, and the number of bars


def test_the_baseline_is_that_of_n_grams() -> None:
    some = parsed(30)
    model = tiny(epochs=1, baseline=True).fit(some, validation=some[:5])
    train = model.network_.learned.numpy()
    starts = [*model.network_.starts.tolist(), len(train)]
    held = np.concatenate([train[starts[n] : starts[n + 1]] for n in range(5)])
    grams = NGrams(train, len(model.vocabulary_))
    found = model.metrics_["baseline"]["nats_per_token_by_order"]
    assert [found[str(n)] for n in range(1, 6)] == pytest.approx(grams.cross_entropy(held).tolist())


def test_saved_is_loaded(composer: Composer, tmp_path: Path) -> None:
    composer.save(tmp_path / "m")
    again = read(tmp_path / "m")
    assert_same(again, composer)
    assert again.vocabulary_.tokens == composer.vocabulary_.tokens
    assert again.evaluate(parsed(3, 5)) == composer.evaluate(parsed(3, 5))
    assert str(again.compose(seed=3)) == str(composer.compose(seed=3))
    with pytest.raises(InputError, match="finished model"):
        composer.save(tmp_path / "m")


def test_validation_is_held_out(tmp_path: Path) -> None:
    model = tiny(epochs=1).fit(parsed(20), validation=write(tmp_path / "v.abc", 4, 7))
    assert model.data_["tunes"] == 20
    assert model.metrics_["held_out"]["tunes"] == 4
    assert model.metrics_["score"]["nats_per_token"] == pytest.approx(
        model.evaluate(parsed(4, 7))["nats_per_token"], rel=1e-6
    )


def test_scikit_learn_knows_it() -> None:
    model = tiny(hidden_size=20)
    again = clone(model)
    assert again.get_params() == model.get_params()
    assert again.set_params(transpose=False).transpose is False


def test_in_their_own_keys() -> None:
    model = tiny(epochs=1, transpose=False).fit(parsed(40))
    tune = model.compose("Em", "6/8", 4, seed=0).tune
    assert tune.key == "Em"
    assert check(tune) == []
    with pytest.raises(InputError, match="was learned from"):
        model.compose("F")


@pytest.mark.parametrize("metre", ["6/8", "4/4"])
@pytest.mark.parametrize("temperature", [0, 0.7, 1.0, 3.0])
def test_every_bar_is_full(composer: Composer, metre: str, temperature: float) -> None:
    for seed, key, bars in ((0, "D", 8), (1, "Em", 5), (2, "Bb", 1), (3, "F#m", 30)):
        piece = composer.compose(key, metre, bars, temperature=temperature, seed=seed)
        tune = parse(str(piece))
        assert check(tune) == []
        assert tune.metre_text == metre
        assert tune.key in (key, "Gbm" if key == "F#m" else key)


def test_many_at_once_and_one_by_one(composer: Composer) -> None:
    several = composer.compose("G", n=4, seed=5)
    assert isinstance(several, list)
    assert len({piece.tune.music for piece in several}) == 4
    assert [piece.tune.number for piece in several] == ["1", "2", "3", "4"]
    assert composer.compose("G", seed=5).tune.music == several[0].tune.music
    assert composer.compose("G", seed=6).tune.music != several[0].tune.music
    tokens = [*composer.writing("G", seed=5)]
    assert tuple(tokens) == several[0].tune.music


def test_it_goes_on_from_an_opening(composer: Composer) -> None:
    opening = '|:"D"d2B BAG|"D"FGA'
    for prompt in (opening, f"M:6/8\nK:D\n{opening}", parse(f"X:1\nM:6/8\nL:1/8\nK:D\n{opening}")):
        piece = composer.compose("D", "6/8", 8, prompt=prompt, seed=1)
        assert piece.tune.music[:10] == parse(opening, metre="6/8", key="D").music[:10]
        assert check(piece.tune) == []
    asked = parse(f"X:1\nM:6/8\nL:1/8\nK:D\n{opening}")
    assert composer.compose(prompt=asked, seed=1).tune.key == "D"  # the prompt's own
    tokens = [*composer.writing("D", "6/8", 8, prompt=opening, seed=1)]
    assert piece.tune.music == (*parse(opening, metre="6/8", key="D").music, *tokens)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"bars": 0}, "bars"), ({"bars": 2.5}, "bars"), ({"bars": True}, "bars"),
        ({"bars": 10**6}, "bars"), ({"temperature": -1}, "temperature"), ({"n": 0}, "n"),
        ({"temperature": math.nan}, "temperature"), ({"top_p": 0}, "top_p"), ({"seed": -1}, "seed"),
        ({"seed": 1 << 64}, "seed"),
        ({"metre": "5/4"}, "metre"), ({"metre": "x"}, "metre"), ({"metre": 3}, "metre"),
        ({"key": "Dmix"}, "key"), ({"key": "H"}, "key"), ({"key": 5}, "key"),
        ({"prompt": "d2c BAGF|"}, "bar 1"), ({"prompt": "d2c BAG|d2c BA|D6|"}, "bar 2"),
        ({"prompt": "D6|D6|D6|", "bars": 2}, "bar"), ({"prompt": "d''6|"}, "prompt, token 1"),
        ({"prompt": "M:4/4\nK:D\nd8|"}, "prompt"), ({"prompt": "d6 @"}, "prompt"),
        ({"prompt": 5}, "prompt"), ({"prompt": "M:6/8\nK:Em\nE6|"}, "prompt"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused(composer: Composer, changes: dict, where: str) -> None:
    with pytest.raises(InputError) as caught:
        composer.compose(**{"key": "D", "metre": "6/8", **changes})
    assert where in str(caught.value.where)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "tune"), ("X:1\nK:D\nd2 @ e|\n", "@"), ("X:1\nT:No key\nd2\n", "key"),
     ("X:1\nK:D\nd2|\n", "2 different"), ("just words\n", "")],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "t.abc").write_text(text)
    with pytest.raises(InputError) as caught:
        tiny().fit(tmp_path / "t.abc", out=tmp_path / "out")
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_tunes_that_cannot_be_read_may_be_left_out(tmp_path: Path) -> None:
    broken = "X:9\nT:Broken\nM:6/8\nK:D\nd2 @ e|\n"
    cut = "X:10\nT:Cut\nM:6/8\nK:D\nd6|\n\nd6|\n"  # the empty line ends it
    folder = tmp_path / "folder"
    folder.mkdir()
    for text, said in ((broken, "@"), (cut, "empty line")):
        (folder / "t.abc").write_text("\n".join([*tunes(9), text, *tunes(20)[9:]]))
        with pytest.raises(InputError, match=said) as caught:
            tiny(epochs=1).fit(folder / "t.abc")
        assert f"tune {text[2:4].strip()} {text.split()[1][2:]}" in str(caught.value.where)
        assert "t.abc:" in str(caught.value.where)
    (folder / "u.abc").write_bytes("X:1\nT:Café\nK:D\nd6|\n".encode("latin-1"))
    (folder / "t.abc").write_text("\n".join([*tunes(9), cut, *tunes(20)[9:], broken]))
    told = Told()
    skipped = tiny(epochs=1).fit(folder, errors="skip", report=told)
    assert_same(skipped, tiny(epochs=1).fit(parsed(20)))
    assert skipped.data_["left_out"] == 3
    assert told.messages[0].startswith("3 tunes are left out; the first: music behind an empty")
    (folder / "t.abc").unlink()
    with pytest.raises(InputError, match="UTF-8"):  # all of it: then what is wrong is said
        tiny(epochs=1).fit(folder, errors="skip")


def test_a_folder_of_two_notations_is_read_in_that_which_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a.abc", 12)
    (tmp_path / "about.json").write_text("{}")
    listed = tiny(epochs=1).fit(parsed(12))
    assert_same(tiny(epochs=1).fit(tmp_path), listed)
    (tmp_path / "b.mid").write_bytes(b"MThd")
    with pytest.raises(InputError, match="in abc and in midi") as caught:
        tiny(epochs=1).fit(tmp_path)
    assert "notation='abc' or 'midi'" in str(caught.value.hint)
    assert_same(tiny(epochs=1, notation="abc").fit(tmp_path), listed)
    packed = tmp_path / "a.abc.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.abc").read_bytes()))
    assert_same(tiny(epochs=1).fit(packed), listed)


def test_what_is_no_tune_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.txt").write_text("words")
    for data in (tmp_path / "empty", tmp_path / "t.txt", tmp_path / "none.abc", [], ["words"], 5):
        with pytest.raises(InputError):
            tiny().fit(data)
    with pytest.raises(InputError, match="abc"):
        tiny(notation="midi").fit(parsed(3))


@pytest.mark.parametrize(
    "changes",
    [{"notation": "tab"}, {"hidden_size": 0}, {"dropout": 1.0}, {"held_out": 0}, {"window": 0},
     {"transpose": 1}, {"notes": "all"}, {"cell": "transformer"}, {"epochs": 0}],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(changes: dict) -> None:
    with pytest.raises(InputError) as caught:
        tiny(**changes).fit(parsed(5))
    assert caught.value.where == next(iter(changes))
