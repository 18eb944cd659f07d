"""Transcriber: what it learns to write, what it says of bad input, how it lies on disk."""

import json
import pickle
import shutil

import numpy as np
import pytest
import soundfile
import torch
from classifiers import Told
from folders import config, seal
from language_models import tiny as language_model
from sklearn.base import clone
from sklearn.utils import estimator_checks
from transcribers import QUICK, RATE, TINY, spoken, tiny, tones, write_manifest

from clew.errors import InputError
from clew.tasks import load
from clew.tasks._transcribe.transcript import Transcript
from clew.tasks.transcribe import Transcriber


@pytest.fixture(scope="module")
def both_ways():
    return Transcriber(**{**QUICK, "baseline": True}).fit(*spoken(120))


@pytest.fixture(scope="module")
def saved(both_ways, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "m"
    both_ways.save(folder)
    return folder


@pytest.fixture(scope="module")
def new():
    return spoken(30, seed=1)


# Learns


def test_learns_to_write_tones(both_ways, new):
    rates = both_ways.error_rates(*new)
    assert rates.wer < 0.1
    assert both_ways.score(*new) == 1 - rates.wer
    metrics = both_ways.metrics_
    assert metrics["score"]["wer"] < 0.2
    assert metrics["baseline"]["wer"] < 1.0
    assert "feedforward" in metrics["baseline"]["name"]
    assert metrics["held_out"]["recordings"] == 12
    json.dumps(metrics, allow_nan=False)


@pytest.mark.parametrize("unit", ["word", "bpe"])
def test_other_units(unit):
    said = [" ".join(["a", "cd", "bad"][n % 3 :]) for n in range(60)]
    X = [tones(text, seed=n) for n, text in enumerate(said)]
    settings = {**QUICK, "epochs": 12, "batch_size": 8, "learning_rate": 0.03}
    model = Transcriber(**settings, unit=unit, vocabulary_size=264).fit(X, said)
    assert model.error_rates(X, said).wer < 0.2
    found = model.transcribe(X[0])
    assert " ".join(word.text for word in found.words) == found.text


def test_words_have_their_times(both_ways):
    before, after = tones("ab", 1), tones(" cd", 2)
    samples, cut = np.concatenate([before, after]), len(before) / RATE
    found = both_ways.transcribe(samples)
    assert isinstance(found, Transcript)
    assert [word.text for word in found.words] == ["ab", "cd"] == found.text.split()
    first, second = found.words
    assert 0 <= first.start < 0.15 < first.end < cut + 0.1
    assert cut < second.start < second.end <= found.seconds
    assert found.seconds == len(samples) / RATE
    assert found.score < 0


def test_a_beam_and_a_language_model(both_ways, new):
    X, _y = new
    greedy, beam = both_ways.predict(X[:8]), both_ways.predict(X[:8], beam=8)
    assert sum(a == b for a, b in zip(greedy, beam, strict=True)) >= 6
    found = both_ways.transcribe(X[0], beam=8)
    assert [word.text for word in found.words] == found.text.split()
    never_b = language_model(epochs=2, hidden_size=8).fit("a c d\nd c a\nca da cd\n" * 40)
    swayed = both_ways.predict([tones("b a", 5)], beam=4, language_model=never_b, weight=50.0)
    assert "b" not in swayed[0]
    for wrong in ({"beam": 0}, {"beam": 1, "language_model": never_b}, {"beam": 2, "weight": -1.0},
                  {"beam": 2, "language_model": "english"}):  # fmt: skip
        with pytest.raises(InputError):
            both_ways.predict(X[:1], **wrong)


def test_upper_case_is_read_as_lower_or_kept():
    X, y = spoken(12)
    loud = [text.upper() for text in y]
    assert tiny().fit(X, loud).units_.unknown(["a"]) == []
    kept = tiny(lowercase=False).fit(X, loud)
    assert kept.units_.unknown(["a", "A"]) == ["a"]


# Alone = together


def test_a_recording_alone_and_among_others(both_ways, new):
    X = [*new[0][:6], np.zeros(10, np.float32), np.zeros(RATE, np.float32)]
    together = both_ways.predict(X)
    assert together == [both_ways.transcribe(samples).text for samples in X]
    assert together[::-1] == both_ways.predict(X[::-1])
    assert together[6] == ""  # shorter than a frame
    assert both_ways.predict([]) == []


# Where the sound comes from


def test_files_arrays_and_a_manifest_are_one(tmp_path):
    manifest = write_manifest(tmp_path)
    _X, y = spoken(12)
    files = [tmp_path / f"{n}.wav" for n in range(12)]
    by_manifest, by_files = tiny().fit(manifest), tiny().fit(files, y)
    for name, tensor in by_manifest.network_.state_dict().items():
        assert torch.equal(tensor, by_files.network_.state_dict()[name])
    assert by_manifest.predict([str(path) for path in files]) == by_files.predict(files)
    assert by_manifest.error_rates(manifest) == by_files.error_rates(files, y)
    held = tiny().fit(manifest, validation=(files[:3], y[:3]))
    assert held.metrics_["held_out"]["recordings"] == 3
    assert held.data_["recordings"] == 12


def test_stereo_and_other_rates(tmp_path, both_ways):
    text = "ab cd"
    for rate, channels in ((8000, 2), (48_000, 1), (44_100, 2)):
        samples = np.repeat(tones(text, 7, rate)[:, None], channels, axis=1)
        soundfile.write(tmp_path / "x.wav", samples, rate)
        assert both_ways.transcribe(tmp_path / "x.wav").text == text
        assert both_ways.transcribe(samples, rate=rate).text == text


def test_clipped_sound_is_said(tmp_path, both_ways):
    loud = np.clip(20 * tones("abcd", 3), -1, 1)
    assert "clipped" in both_ways.transcribe(loud).warnings[0]
    X, y = spoken(8)
    told = Told()
    tiny().fit([*X, loud], [*y, "abcd"], report=told)
    assert any("X[8]: clipped" in message for message in told.messages)


# As scikit-learn has it, and on disk


def test_scikit_learn_takes_it_for_its_own():
    model = Transcriber()
    for check in (
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_estimator_repr,
    ):
        check("Transcriber", model)
    assert clone(Transcriber(stack=2)).get_params() == {**model.get_params(), "stack": 2}
    with pytest.raises(ValueError, match="not fitted"):
        model.predict([tones("a")])


def test_saved_is_loaded(tmp_path, both_ways, new):
    both_ways.save(tmp_path / "m")
    again = load(tmp_path / "m")
    for samples in new[0][:4]:
        assert again.transcribe(samples) == both_ways.transcribe(samples)
    assert again.get_params() == both_ways.get_params()
    assert again.metrics_ == both_ways.metrics_
    assert "feedforward" in (tmp_path / "m" / "README.md").read_text()
    assert pickle.loads(pickle.dumps(both_ways)).predict(new[0][:3]) == again.predict(new[0][:3])
    with pytest.raises(InputError, match="finished model"):
        both_ways.save(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c["network"].update(units=3), "units"),
        (lambda c: c.update(network={}), "units"),
        (lambda c: c["parameters"].update(stack=10**9), "stack"),
        (lambda c: c["parameters"].update(stack=3), "shape"),
        (lambda c: c["parameters"].update(bins=2), "bins"),
        (lambda c: c["parameters"].update(sample_rate="x"), "sample_rate"),
        (lambda c: c["parameters"].update(hidden_size=9), "shape"),
        (lambda c: c["parameters"].update(time_masks=-1), "time_masks"),
        (lambda c: c["files"].pop("tokenizer.json"), "tokenizer"),
    ],
)
def test_a_folder_that_lies_is_refused(tmp_path, saved, change, match):
    shutil.copytree(saved, tmp_path / "m")
    found = config(tmp_path / "m")
    change(found)
    seal(tmp_path / "m", found)
    with pytest.raises(InputError, match=match) as caught:
        load(tmp_path / "m")
    assert str(tmp_path) in str(caught.value)


# Bad input

ONE = tones("ab")


@pytest.mark.parametrize(
    ("X", "y", "match"),
    [
        ([], [], "no recordings"),
        (ONE, ["ab"], "one recording"),
        (3, ["a"], "int"),
        ([ONE], None, "not known what is said"),
        ([ONE], ["ab", "c"], "1 recordings and 2 texts"),
        ([ONE], "ab", "list of texts"),
        ([ONE], [3], "int"),
        ([ONE], ["\ud800"], "surrogate"),
        ([ONE, ONE], ["", ""], "nothing is said"),
        ([ONE, ONE], ["ab", "abcd" * 40], "does not go into"),
        ([ONE, np.zeros(0)], ["ab", ""], "empty"),
        ([ONE, np.full(900, np.nan)], ["ab", ""], "NaN"),
        ([ONE, np.full(900, 3000.0)], ["ab", ""], "3000"),
        ([ONE, np.zeros((2, 3, 4))], ["ab", ""], "shape"),
        ([ONE, None], ["ab", ""], "samples"),
        ([ONE, "nowhere.wav"], ["ab", ""], "no such file"),
        ("nowhere.jsonl", None, "no such file"),
        ("nowhere.jsonl", ["a"], "y was given too"),
    ],
)
def test_bad_input_is_named(X, y, match, tmp_path):
    with pytest.raises(InputError, match=match):
        tiny().fit(X, y, out=tmp_path / "m")
    assert not (tmp_path / "m" / "config.json").exists()


def test_a_broken_sound_is_named_with_its_line(tmp_path):
    manifest = write_manifest(tmp_path)
    whole = (tmp_path / "3.wav").read_bytes()
    for broken, match in (
        (whole[:500], "breaks off"),
        (b"no sound", "no sound file"),
        (b"", "0 b"),
    ):
        (tmp_path / "3.wav").write_bytes(broken)
        with pytest.raises(InputError, match=match) as caught:
            tiny().fit(manifest)
        assert "said.jsonl:4" in caught.value.where
        assert "3.wav" in caught.value.where


@pytest.mark.parametrize(
    ("name", "value"),
    [("sample_rate", 0), ("sample_rate", 8000.5), ("bins", 2), ("bins", "40"), ("stack", 0),
     ("unit", "letter"), ("hidden_size", 0), ("speed", 1.0), ("speed", -0.1), ("volume", -1),
     ("volume", float("nan")), ("time_masks", -1), ("time_span", 1.5), ("frequency_masks", True),
     ("frequency_span", "a"), ("held_out", 0.0), ("cell", "LSTM"), ("lowercase", "no"),
     ("batch_size", 0), ("seed", ""), ("seed", None), ("vocabulary_size", 2),
     ("dropout", 1.0), ("time", "soon")],
)  # fmt: skip
def test_impossible_settings_are_named(name, value):
    with pytest.raises(InputError) as caught:
        tiny(**{name: value}).fit(*spoken(4))
    assert name.split("_")[0] in str(caught.value)


def test_units_unseen_in_training_are_errors_and_said():
    X, y = spoken(12)
    told = Told()
    model = tiny().fit(X, y, validation=([ONE], ["é"]), report=told)
    assert any("not there in training" in text and "'é'" in text for text in told.messages)
    assert model.metrics_["score"]["wer"] >= 1
    assert model.error_rates([ONE], ["éé"]).wer >= 1


def test_what_is_unknown_is_never_written(new):
    X, y = new
    model = tiny(bidirectional=False).fit(X, y)
    with torch.no_grad():
        model.network_.output.bias[1] = 100.0  # <unk> is what it would say at every step
    assert "".join(model.predict(X[:3])).strip()
    assert not set("".join(model.predict(X))) - set("abcd ")
    assert not set("".join(model.predict(X[:3], beam=3))) - set("abcd ")
    live = model.stream()
    live.push(X[0])
    live.finish()
    assert live.text == model.transcribe(X[0]).text


def test_what_is_no_recording_of_a_rate_is_named(tmp_path, both_ways):
    soundfile.write(tmp_path / "x.wav", ONE, RATE)
    for sound, rate, where in (
        (tmp_path / "x.wav", RATE, "rate"), (ONE, 5, "rate"), (np.array([np.nan]), None, "sound"),
        ("", None, "sound"), (tmp_path, None, str(tmp_path)), (np.zeros(0), None, "sound"),
        (tmp_path / "y.wav", None, "y.wav"), (None, None, "sound"),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            both_ways.transcribe(sound, rate=rate)
        assert where in caught.value.where
    with pytest.raises(InputError, match="folder"):
        both_ways.predict([tmp_path])


def test_silence_is_a_recording_too():
    X, y = spoken(12)
    silent = [np.zeros(RATE // 2, np.float32)] * 4
    model = tiny().fit([*X, *silent], [*y, "", "", "", ""])
    assert isinstance(model.predict(silent)[0], str)


def test_one_recording_is_learned_from_and_scored_on():
    told = Told()
    model = Transcriber(**TINY).fit([ONE], ["ab"], report=told)
    assert any("nothing can be held out" in text for text in told.messages)
    assert model.metrics_["held_out"]["recordings"] == 1


def test_a_fit_that_cannot_begin_leaves_no_folder(tmp_path):
    manifest = write_manifest(tmp_path)
    (tmp_path / "3.wav").write_bytes(b"this is no sound")
    with pytest.raises(InputError, match="no sound file"):
        tiny().fit(manifest, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()
