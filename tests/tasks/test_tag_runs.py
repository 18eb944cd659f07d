"""Runs of a Tagger: repeated, stopped, resumed, out of a file, out of time."""

import os
import signal
import time

import pytest
import torch
from classifiers import Told, equal, weights
from taggers import TINY, conll, places, sentences

from clew.errors import InputError, Interrupted
from clew.tasks import load
from clew.tasks.tag import Tagger


def stopping(at):
    return Told(at, lambda: os.kill(os.getpid(), signal.SIGINT))


def test_same_seed_same_weights_and_the_users_generator_is_left_alone():
    X, y = sentences()
    before = torch.random.get_rng_state()
    first, second = (weights(Tagger(**TINY).fit(X, y)) for _ in range(2))
    assert equal(first, second)
    assert not equal(first, weights(Tagger(seed=1, **TINY).fit(X, y)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("at", [1, 10])
def test_stopped_and_resumed_is_undisturbed(tmp_path, at):
    X, y, labels = places()
    settings = {**TINY, "word_dropout": 0.2, "recurrent_dropout": 0.1, "patience": None}
    whole = Tagger(**settings).fit(X, y, labels=labels)
    with pytest.raises(Interrupted) as stop:
        Tagger(**settings).fit(X, y, labels=labels, out=tmp_path / "m", report=stopping(at))
    assert stop.value.folder == tmp_path / "m"
    with pytest.raises(InputError, match="unfinished run"):
        Tagger(**settings).fit(X, y, labels=labels, out=tmp_path / "m")
    with pytest.raises(InputError, match="data"):
        Tagger(**settings).fit(X, y, labels=labels[::-1], out=tmp_path / "m", resume=True)
    with pytest.raises(InputError, match="lowercase"):
        Tagger(**settings, lowercase=False).fit(
            X, y, labels=labels, out=tmp_path / "m", resume=True
        )
    rest = Tagger(**settings).fit(X, y, labels=labels, out=tmp_path / "m", resume=True)
    assert equal(weights(whole), weights(rest))
    assert load(tmp_path / "m").predict(X) == whole.predict(X)
    assert not (tmp_path / "m" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "m" / ".work").exists()


def test_a_file_gives_what_its_lists_give(tmp_path):
    X, y = sentences()
    file = tmp_path / "train.txt"
    file.write_text(conll(X, y))
    lists, read = Tagger(**TINY).fit(X, y), Tagger(**TINY).fit(file)
    assert equal(weights(lists), weights(read))
    assert lists.data_ == read.data_
    assert read.score(file) == lists.score(X, y)


def test_what_is_odd_in_a_file_is_told_with_its_place(tmp_path):
    file = tmp_path / "train.txt"
    file.write_text("a\tX\nb\tX\n")
    with pytest.raises(InputError, match="every tag is 'X'") as caught:
        Tagger(**TINY).fit(file)
    assert caught.value.where == str(file)
    assert "--tag-column" in caught.value.hint
    file.write_text("# sort = x\na\tX\nb\tY\n")
    with pytest.raises(InputError, match="every label is 'x'") as caught:
        Tagger(**TINY).fit(file, labels="sort")
    assert caught.value.where == str(file)
    spans = tmp_path / "train.jsonl"
    row = '{"text": "to Oslo now", "spans": [{"start": 3, "end": %d, "label": "p"}]}\n'
    spans.write_text(row % 7 + row % 6 + row % 5)
    told = Told()
    Tagger(**TINY).fit(spans, report=told)
    assert f"the span 'Osl' ({spans}:2) begins or ends inside a word" in told.messages[0]
    assert "as one in 1 more does" in told.messages[0]


def test_a_file_is_encoded_once_and_resumed(tmp_path, monkeypatch):
    X, y = sentences()
    file, out = tmp_path / "train.txt", tmp_path / "m"
    file.write_text(conll(X, y))
    settings = {**TINY, "baseline": True, "time": 600}
    with pytest.raises(Interrupted):
        Tagger(**settings).fit(file, out=out, report=stopping(10))
    assert (out / ".work" / "store" / "words.bin").stat().st_size == 4 * sum(map(len, X))

    def never(*_, **__):
        raise AssertionError("this was done already")

    with monkeypatch.context() as patch:
        patch.setattr("clew.tasks._tag.corpora._encode", never)
        patch.setattr("clew.tasks.tag.without_memory", never)
        model = Tagger(**settings).fit(file, out=out, resume=True)
    assert model.metrics_["baseline"]["accuracy"] > 0
    assert not (out / ".work").exists()
    told = Told()
    again = Tagger(**settings).fit(file, out=out, resume=True, report=told)
    assert equal(weights(model), weights(again))
    assert any("finished already" in text for text in told.messages)


def test_a_file_that_changed_is_read_again(tmp_path):
    X, y = sentences()
    file, out = tmp_path / "train.txt", tmp_path / "m"
    file.write_text(conll(X, y))
    with pytest.raises(Interrupted):
        Tagger(**TINY).fit(file, out=out, report=stopping(3))
    file.write_text(conll([*X, ["w1", "more"]], [*y, ["N", "V"]]))
    with pytest.raises(InputError, match="data"):
        Tagger(**TINY).fit(file, out=out, resume=True)


def test_columns_and_places_in_a_file(tmp_path):
    file = tmp_path / "train.conllu"
    word = "{}\t{}\t_\t{}\t{}\t_\t0\troot\t_\t_\n"
    rows = [word.format(1, "we", "PRON", "PRP") + word.format(2, "go", "VERB", "VBP") + "\n"] * 4
    file.write_text("".join(rows))
    assert Tagger(**TINY).fit(file).tags_.tolist() == ["PRON", "VERB"]
    assert Tagger(**TINY).fit(file, "xpos").tags_.tolist() == ["PRP", "VBP"]
    spans = tmp_path / "spans.txt"
    spans.write_text("to O\nRome I-p\n\nby O\nOslo B-p\n\n" * 3)
    told = Told()
    Tagger(**TINY).fit(spans, report=told)
    assert f"'I-p' after 'O' ({spans}:2), and 2 more like it" in told.messages[0]
    with spans.open("a") as more:
        more.write("one\n")
    with pytest.raises(InputError) as caught:
        Tagger(**TINY).fit(spans)
    assert f"{spans}:19" in caught.value.where
    with pytest.raises(InputError, match="no such file"):
        Tagger(**TINY).fit(tmp_path / "none.txt")
    with pytest.raises(InputError, match="name of a file"):
        Tagger(**TINY).fit(str(spans))


def test_what_is_odd_in_a_file_is_named_by_its_line(tmp_path):
    X, y = sentences()
    model = Tagger(**TINY).fit(X, y)
    file = tmp_path / "test.txt"
    file.write_text("the D\nw1 N\n\nwe P\nw1 X\n")
    assert model.evaluate(file)["unseen"] == 1
    told = Told()
    Tagger(**TINY).fit(X, y, validation=file, report=told)
    assert f"({file}:5) was not there in training" in told.messages[0]
    file.write_text("the D\nw1\n")
    with pytest.raises(InputError) as caught:
        Tagger(**TINY).fit(file, out=tmp_path / "m")
    assert caught.value.where.startswith(f"{file}:2")
    assert not (tmp_path / "m").exists()


def test_time_is_kept(tmp_path):
    X, y = sentences(200)
    began = time.monotonic()
    settings = {**TINY, "epochs": 10_000, "baseline": True, "patience": None}
    model = Tagger(**settings, time="1s").fit(X, y, out=tmp_path / "m")
    assert time.monotonic() - began < 10
    assert model.history_.finished_by == "time"
    assert model.history_.seconds < 1
