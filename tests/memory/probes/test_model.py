import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import InputError, Interrupted
from clew.memory.horizon import horizon
from clew.memory.probes import (
    Adding,
    Agreement,
    Architecture,
    DelayedRecall,
    Learning,
    Parity,
    ProbeModel,
    learn,
)
from clew.train import Silent

RECALL = DelayedRecall(letters=4, noise=2, before=6)
SMALL = Learning(4, steps=12, every=5, judged=32, batch_size=8)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one | other)


@pytest.mark.parametrize("lag", [5, 20])
def test_the_measured_horizon_of_a_trained_lstm_is_the_planted_lag(lag):
    learning = Learning(lag, steps=800, learning_rate=2e-2, target=4e-3, every=25, judged=64)
    chrono = Architecture("lstm", 16, init="chrono", t_max=2.0 * lag)
    model = learn(RECALL, learning, chrono)
    assert model.history["finished_by"] == "target"
    found = horizon(model, model.cases(60, 64))
    assert abs(found.horizon - lag) <= 1
    assert found.seen.loss[0] > 1.0  # of ln 4: without memory nothing is known


class Now(nn.Module):
    """Reads the current element only."""

    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(width, 6)

    def forward(self, x, state, lengths):
        return torch.tanh(self.inner(x)), state


def test_a_reader_that_ignores_its_past_has_a_horizon_of_0():
    model = learn(RECALL, SMALL, reader=Now)
    assert model.title == "recall probe, Now"
    found = horizon(model, model.cases(40, 64))
    assert found.horizon == 0
    assert abs(model.score().accuracy - 0.25) < 0.1
    with pytest.raises(InputError, match="reader of one's own"):
        model.save("nowhere")


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    one, again = learn(RECALL, SMALL), learn(RECALL, SMALL)
    assert same(weights(one), weights(again))
    other = learn(RECALL, Learning(4, steps=12, every=5, judged=32, batch_size=8, seed=1))
    assert not same(weights(one), weights(other))
    # As it was before it learned, by the seed alone.
    assert same(weights(one.untrained()), weights(again.untrained()))
    assert not same(weights(one), weights(one.untrained()))


class StopAfter(Silent):
    def __init__(self, step):
        self.at = step

    def step(self, info):
        if info.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def test_stopped_and_resumed_ends_with_the_same_weights(tmp_path):
    with pytest.raises(Interrupted):
        learn(RECALL, SMALL, out=tmp_path / "run", report=StopAfter(7))
    with pytest.raises(InputError, match="another run: letters"):
        learn(DelayedRecall(letters=5), SMALL, out=tmp_path / "run", resume=True)
    resumed = learn(RECALL, SMALL, out=tmp_path / "run", resume=True)
    assert same(weights(resumed), weights(learn(RECALL, SMALL)))
    assert not list((tmp_path / "run").glob("checkpoint*"))


def test_training_may_go_on_from_another_model():
    first = learn(RECALL, SMALL)
    second = learn(RECALL, Learning(9, steps=1, learning_rate=1e-9, judged=8), start=first)
    assert same(weights(second.untrained()), weights(first))
    assert second.length == 9
    with pytest.raises(InputError, match="another network's"):
        learn(RECALL, SMALL, Architecture("lstm", 8), start=first)


def test_a_model_that_went_on_does_not_forget_that_where_it_is_kept(tmp_path):
    first = learn(RECALL, SMALL)
    learn(RECALL, SMALL, start=first).save(tmp_path / "model")
    # The folder has the last weights only: those by the seed are not what it began with.
    assert ProbeModel.load(tmp_path / "model").untrained() is None
    with pytest.raises(Interrupted):
        learn(RECALL, SMALL, start=first, out=tmp_path / "run", report=StopAfter(7))
    with pytest.raises(InputError, match="another run: start"):
        learn(RECALL, SMALL, start=first.untrained(), out=tmp_path / "run", resume=True)


def test_cases_are_the_probes_and_windows_of_them_are_answered_alike():
    model = learn(RECALL, SMALL)
    for case in model.cases(12, 100, seed=3):
        names = model.names(case)
        assert names[case.at] == "?"
        assert RECALL.answers[case.target] == names[case.at - 4]
    short = model.cases(12, 2, seed=3)
    assert [len(case.inputs) for case in short] == [3] * 12
    assert len({case.source for case in short}) == 12
    assert model.names(short[0])[-1] == "?"
    assert model.names(model.at_length(9).cases(1, 9)[0])[0] in RECALL.answers
    with pytest.raises(InputError):
        model.cases(0, 5)


def test_what_is_said_is_what_the_network_answers():
    model = learn(RECALL, SMALL)
    cases = model.cases(5, 100)
    lengths = torch.tensor([len(case.inputs) for case in cases])
    inputs = torch.zeros(int(lengths.max()), 5, dtype=torch.long)
    for b, case in enumerate(cases):
        inputs[: lengths[b], b] = torch.from_numpy(case.inputs)
    at = lengths - 1
    with torch.no_grad():
        said = model.said(model.vectors(inputs), lengths, at, cases)
        asked = torch.zeros(inputs.shape, dtype=torch.bool)
        asked[at, torch.arange(5)] = True
        answers = model.network(inputs, lengths, asked)
    order = [b for _, b in np.argwhere(asked.numpy())]
    torch.testing.assert_close(said[order], answers)
    nats = model.losses(said, cases)
    by_hand = -said.double().log_softmax(1)[range(5), [case.target for case in cases]]
    torch.testing.assert_close(nats, by_hand)


def test_subjects_of_numbers_and_of_words():
    adding = learn(Adding(), SMALL)
    case = adding.cases(1, 10)[0]
    assert (case.inputs.shape, case.inputs.dtype) == ((4, 2), np.float32)
    assert (adding.in_nats, adding.loss_name, adding.answers) == (False, "squared error", None)
    assert adding.names(case) == [""] * 4
    assert np.allclose(adding.neutral(case.inputs), case.inputs.mean(0))
    x = torch.from_numpy(case.inputs[:, None]).requires_grad_()
    said = adding.said(adding.vectors(x), torch.tensor([4]), torch.tensor([3]), [case])
    squared = (float(said.detach()) - case.target) ** 2
    assert float(adding.losses(said, [case]).detach()) == pytest.approx(squared)
    said.sum().backward()
    assert x.grad.abs().sum() > 0
    words = learn(Agreement(), Learning(6, steps=1, judged=8))
    assert words.element == ("word", "words")
    assert words.names(words.cases(1, 50)[0])[-3:] == ["I", "speak", "fluent"]
    assert words.probe.words[int(words.neutral(np.zeros(3)))] == "."


def test_only_an_architecture_or_a_reader():
    with pytest.raises(InputError, match="both"):
        learn(Parity(), SMALL, Architecture(), reader=Now)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("parity", SMALL), "probe"), ((Parity, SMALL), "probe"), ((Parity(), 5), "learning"),
        ((Parity(), SMALL, "lstm"), "architecture"),
    ],
)  # fmt: skip
def test_what_is_no_probe_no_learning_and_no_architecture(words, name):
    with pytest.raises(InputError) as caught:
        learn(*words)
    assert caught.value.where == name
    with pytest.raises(InputError, match="start is 5"):
        learn(Parity(), SMALL, start=5)


def test_scores_are_of_as_many_sequences_as_were_asked_for():
    model = learn(Parity(), SMALL)
    one, same_, other = (model.score(6, 130, seed) for seed in (0, 0, 1))
    assert one == same_ != other
    assert one.accuracy * 130 * 6 == pytest.approx(round(one.accuracy * 130 * 6))
    for count, length, seed in ((0, 6, 0), (5, 0, 0), (5, 2.5, 0), (5, 6, -1), (5, 6, "x")):
        with pytest.raises(InputError):
            model.score(length, count, seed)
    with pytest.raises(InputError, match="length is 0"):
        model.at_length(0)
