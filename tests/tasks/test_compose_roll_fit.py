"""The fit of a composer of piano rolls: its rivals, what it remembers, what its folder may say."""

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from classifiers import Told
from rolls import PITCHES, rolls

from clew.errors import InputError
from clew.tasks._compose import roll_data, roll_fit
from clew.tasks._compose.roll_problem import score
from clew.tasks.compose import Composer
from clew.train.settings import TrainSettings

SETTINGS = TrainSettings(epochs=2, learning_rate=0.02, device="cpu")


def model(**changes):
    given = {
        "notes": "in turn", "cell": "gru", "hidden_size": 8, "num_layers": 1, "dropout": 0.0,
        "residual": False, "layer_norm": False, "recurrent_dropout": 0.0, "zoneout": 0.0,
        "init": "torch", "window": 16, "batch_size": 4, "transpose": True, "baseline": True,
        "seed": 0, "epochs": 2, "patience": None, **changes,
    }  # fmt: skip
    return SimpleNamespace(get_params=lambda: given, **given)


def fitted(work, prepared=None, **changes):
    one = model(**changes)
    prepared = prepared or roll_data.prepare_rolls(rolls(), None, 0.3, 0)
    told = Told()
    roll_fit.fit(
        one, prepared, SETTINGS, own={}, work=Path(work), out=None, resume=False, report=told,
        begun=time.monotonic(),
    )  # fmt: skip
    return one, prepared, told


def test_a_fit_reports_its_score_beside_its_rivals(tmp_path):
    one, prepared, told = fitted(tmp_path)
    figures = one.metrics_
    truth = score(one.network_.eval(), prepared.held_out).figures()
    assert figures["score"] == truth
    for part in ("baseline", "window"):
        assert figures[part]["nats_per_step"] > 0
    assert [message.count("nats a step") for message in told.messages] == [1, 1]
    assert one.data_["tunes"] + one.data_["held_out"] == 11
    again, _, silent = fitted(tmp_path)  # the rivals are not measured twice
    assert again.metrics_["baseline"] == figures["baseline"]
    assert silent.messages == []
    for ours, theirs in zip(
        one.network_.state_dict().values(), again.network_.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("epochs", "patience", "rolls", "expected"),
    [
        (None, None, 229, (100, None)),
        (None, None, 3, (100, None)), (None, 4, 10_000, (20, 4)), (3, None, 229, (3, None)),
        (None, None, 200, (30, None)),
    ],
)  # fmt: skip
def test_few_rolls_are_read_more_often(epochs, patience, rolls, expected):
    one = Composer(epochs=epochs, patience=patience, batch_size=16 if rolls == 229 else 4)
    settings = roll_fit.paced(one, one._check(), rolls)
    assert (settings.epochs, settings.patience) == expected
    tokens = one._check()  # of tunes in ABC and MIDI
    assert (tokens.epochs, tokens.patience) == (epochs or 20, patience or 5)


def test_what_was_learned_is_remembered(tmp_path):
    one, prepared, _ = fitted(tmp_path, baseline=False)
    whole = [prepared.train[n] for n in range(len(prepared.train))]
    steps = np.unpackbits(one.network_.learned.numpy(), axis=1)[:, :PITCHES]
    assert (steps == np.concatenate(whole)).all()
    ends = np.cumsum([len(each) for each in whole])
    assert one.network_.starts.tolist() == [0, *ends[:-1]]
    few, starts = roll_fit.last(whole, len(whole[-1]) + len(whole[-2]) + 1)
    assert (few == np.concatenate(whole[-2:])).all()
    assert starts.tolist() == [0, len(whole[-2])]
    assert len(roll_fit.last(whole, 1)[0]) == len(whole[-1])  # one at least
    assert roll_fit.sizes(one.network_) == {
        "pitches": PITCHES, "remembered": len(steps), "tunes": len(whole)
    }  # fmt: skip


def folder(network, entries):
    def bad(what, **more):
        return InputError(what, **more)

    shapes = {name: SimpleNamespace(shape=shape) for name, shape in entries.items()}
    return SimpleNamespace(network=network, entries=shapes, bad=bad)


def test_sizes_of_a_folder_are_checked_before_memory_is_taken():
    good = {"pitches": 12, "remembered": 30, "tunes": 2}
    shapes = {"learned": (30, 2), "starts": (2,)}
    assert roll_fit.check_sizes(folder(good, shapes)) == (12, 30, 2)
    for wrong in ({"pitches": 12}, {**good, "more": 1}, {**good, "pitches": 10**9},
                  {**good, "pitches": True}, {**good, "remembered": 31},
                  {**good, "tunes": "2"}):  # fmt: skip
        with pytest.raises(InputError):
            roll_fit.check_sizes(folder(wrong, shapes))
    with pytest.raises(InputError):
        roll_fit.check_sizes(folder(good, {"starts": (2,)}))


def test_what_a_folder_remembers_is_checked(tmp_path):
    one, _, _ = fitted(tmp_path, baseline=False)
    network, where = one.network_, folder({}, {})
    roll_fit.check_memory(where, network)
    for name, value in (("polyphony", torch.tensor([3, 2])), ("polyphony", torch.tensor([0, 13])),
                        ("starts", torch.tensor([1, 3])), ("starts", torch.tensor([0, 4, 4])),
                        ("starts", torch.tensor([0, 10**6]))):  # fmt: skip
        kept = getattr(network, name)
        setattr(network, name, value)
        with pytest.raises(InputError):
            roll_fit.check_memory(where, network)
        setattr(network, name, kept)
