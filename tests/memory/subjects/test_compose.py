"""Composers as subjects, beside what they say of the same tunes themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from asking import FAR, check, losses, slopes
from composers import parsed, tiny, tunes

from clew.data.rolls import roll_of
from clew.errors import InputError
from clew.memory.opening import opened
from clew.memory.subjects.compose import pitch
from clew.tasks._compose.roll_problem import score


def rolls(count=5):
    """Chords that go round, from C4 on."""
    chords = [(60, 64, 67), (65, 69), (), (55, 59, 62, 65)]
    return [roll_of([chords[(k + t) % 4] for t in range(6 + k)]) for k in range(count)]


@pytest.fixture(scope="module")
def composer():
    return tiny(epochs=1).fit(parsed(8))


def test_tunes_are_foretold_as_the_model_foretells_them(composer):
    tunes = parsed(4, seed=1)
    subject = opened(composer, tunes)
    cases = subject.cases(FAR, FAR)
    found = composer.evaluate(tunes)
    assert len(cases) == found["tokens"]
    assert losses(subject, cases).mean() == pytest.approx(found["nats_per_token"], rel=1e-5)
    check(subject)
    assert subject.names(cases[0])[0] == "<start>"
    assert subject.title == "composer of tunes in ABC, LSTM of 1 x 16"


def test_tunes_that_cannot_be_read_are_left_out_and_told_of(composer, tmp_path):
    odd = "X:90\nT:Odd\nK:D\nA[BA[c]|\n"
    path = tmp_path / "tunes.abc"
    path.write_text("\n".join([*tunes(4, seed=1), odd]))
    subject = opened(composer, path)
    whole = opened(composer, parsed(4, seed=1))
    for one, same in zip(subject.tunes, whole.tunes, strict=True):
        np.testing.assert_array_equal(one, same)
    assert whole.note == ""
    assert subject.note.startswith("1 tune cannot be read and is left out: a chord [ within")
    assert subject.note.endswith("tunes.abc:36, tune 90 Odd).")
    path.write_text("\n".join([odd, *tunes(4, seed=1), odd]))
    assert "2 tunes cannot be read and are left out: the first: a" in opened(composer, path).note
    path.write_text(odd)
    with pytest.raises(InputError, match="within a chord"):
        opened(composer, path)


def test_before_it_learned(tmp_path):
    begun = tiny(epochs=1, learning_rate=1e-30, weight_decay=0.0).fit(parsed(8))
    begun.save(tmp_path / "model")
    first = opened(tmp_path / "model", parsed(3)).untrained()
    for name, tensor in first.network.named_parameters():
        torch.testing.assert_close(tensor, begun.network_.get_parameter(name))
    begun = tiny(epochs=1, learning_rate=1e-30, weight_decay=0.0).fit(rolls())
    first = opened(begun, rolls()).untrained()
    for name, tensor in first.network.named_parameters():
        torch.testing.assert_close(tensor, begun.network_.get_parameter(name))


@pytest.mark.parametrize("notes", ["in turn", "independent"])
def test_rolls_with_the_loss_of_their_notes(notes):
    model = tiny(epochs=1, notes=notes).fit(rolls())
    subject = opened(model, rolls(3))
    cases = subject.cases(FAR, FAR)
    truth = score(model.network_.eval(), [roll.steps.astype(np.uint8) for roll in rolls(3)])
    np.testing.assert_allclose(losses(subject, cases), np.concatenate(truth.nats), rtol=1e-4)
    check(subject)
    assert subject.names(cases[2]) == ["", "C4 E4 G4", "F4 A4"]
    assert (subject.answers is None) == (notes == "in turn")
    slopes(subject, subject.cases(3, 4))


def test_keys_of_a_piano():
    assert [pitch(n) for n in (0, 1, 39, 87)] == ["A0", "A#0", "C4", "C8"]


def test_refuses(composer, tmp_path):
    with pytest.raises(InputError, match="writes tunes in ABC, and these are piano rolls"):
        opened(composer, rolls())
    (tmp_path / "a.abc").write_text(tunes(1)[0])
    with pytest.raises(InputError, match="writes piano rolls, and these are tunes in ABC"):
        opened(tiny(epochs=1, notes="independent").fit(rolls()), tmp_path)
    with pytest.raises(InputError, match="an empty list"):
        opened(composer, [])
    with pytest.raises(InputError, match="columns name"):
        opened(composer, parsed(2), columns={"key": "G"})
