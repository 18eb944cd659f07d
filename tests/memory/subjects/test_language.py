"""A language model as a subject, beside what the model itself says of the same text."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from asking import FAR, check, losses, slopes
from language_models import TEXT, tiny

import clew
from clew.errors import InputError
from clew.memory.opening import opened

OTHER = TEXT[: len(TEXT) // 2]


@pytest.fixture(scope="module")
def model():
    return tiny(epochs=1).fit(OTHER)


def test_says_with_everything_what_the_model_says(model):
    text = "the cat sang.\nold Ann ran away.\n?"
    bits = [bits for _, bits in model.surprise(text)]
    subject = opened(model, text)
    cases = subject.cases(FAR, FAR)  # every token but the first
    assert [case.at + 1 for case in cases] == list(range(1, len(text)))
    np.testing.assert_allclose(losses(subject, cases) / math.log(2), bits[1:], rtol=1e-5)


def test_sees_in_a_window_what_the_model_sees_with_so_much_context(model):
    subject = opened(model, OTHER[:300])
    cases = [case for case in subject.cases(FAR, 6) if case.at == 6]
    assert len(cases) == 300 - 7
    found = losses(subject, cases).mean()
    score = model.evaluate(OTHER[:300], context=7)
    begin = sum(bits for _, bits in model.surprise(OTHER[:7])) * math.log(2)
    assert found == pytest.approx((score.nats_per_token * 300 - begin) / 293, rel=1e-4)


def test_keeps_the_contract(model):
    subject = opened(model, TEXT)
    cases = check(subject)
    assert "".join(subject.names(cases[0])) in TEXT
    assert all(case.at == 5 for case in cases)
    assert subject.title == "language model of characters, LSTM of 2 x 16"
    assert subject.cases(6, 5, seed=1)[0].inputs.tolist() != cases[0].inputs.tolist()
    assert len({case.source for case in cases}) == len(cases)


def test_gradients_by_what_is_read():
    subject = opened(tiny(epochs=1, cell="gru", num_layers=1).fit(OTHER), TEXT)
    slopes(subject, subject.cases(3, 7))


@pytest.mark.parametrize("changes", [{}, {"init": "chrono", "tie": True, "embedding_size": 16}])
def test_before_it_learned_of_saved_models_too(changes, tmp_path):
    begun = tiny(epochs=1, learning_rate=1e-30, weight_decay=0.0, **changes).fit(OTHER)
    begun.save(tmp_path / "model")
    first = opened(tmp_path / "model", OTHER).untrained()
    for name, tensor in begun.network_.state_dict().items():
        torch.testing.assert_close(first.network.state_dict()[name], tensor)


def test_words_and_files(tmp_path):
    (tmp_path / "a.txt").write_text(OTHER)
    model = tiny(epochs=1, unit="word", window=8).fit(OTHER)
    subject = opened(model, [tmp_path / "a.txt"])
    assert subject.element == ("word", "words")
    check(subject)


def test_tables_are_told_to_be_read_as_text(model, tmp_path):
    for name in ("a.csv", "b.txt", "c.TSV"):
        (tmp_path / name).write_text("text,label\n" + OTHER)
    told = opened(model, tmp_path / "a.csv")
    assert told.note == (
        "a.csv is read as running text: names of columns, commas and marks as well."
    )
    assert len(told.tokens) == len("text,label\n" + OTHER)
    both = opened(model, [tmp_path / name for name in ("a.csv", "b.txt", "c.TSV")])
    assert both.note.startswith("a.csv, c.TSV are read")
    for plain in (tmp_path / "b.txt", tmp_path, OTHER, "a.csv,"):
        assert opened(model, plain).note == ""


def test_refuses(model):
    with pytest.raises(InputError, match="has only 1 character"):
        opened(model, "t")
    with pytest.raises(InputError, match="this is no text"):
        opened(model, 3)
    with pytest.raises(InputError, match="there are no data"):
        opened(model)
    with pytest.raises(InputError, match="columns name 'label'"):
        opened(model, TEXT, columns={"label": "x"})
    with pytest.raises(InputError, match="not learned"):
        opened(clew.LanguageModel(), TEXT)
    with pytest.raises(InputError, match="0 cases"):
        opened(model, TEXT).cases(0, 5)
