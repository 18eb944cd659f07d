"""Torch modules as subjects: those that keep to the contract, and all the ways not to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from asking import FAR, asked, check, losses, slopes
from torch import nn

import clew
from clew.errors import InputError
from clew.memory.opening import opened


def drawn(count=5, steps=20, width=3):
    draw = np.random.default_rng(0)
    return [draw.standard_normal((steps + k, width)).astype(np.float32) for k in range(count)]


class Leaky(nn.Module):
    """y_t = a y_{t-1} + W x_t, of whatever order of axes."""

    def __init__(self, first=False):
        super().__init__()
        self.first = first
        self.weight = nn.Linear(3, 2)

    def forward(self, x, state=None):
        x = self.weight(x.transpose(0, 1) if self.first else x)
        y = []
        for x_t in x:
            state = x_t if state is None else 0.5 * state + x_t
            y.append(state)
        y = torch.stack(y)
        return y.transpose(0, 1) if self.first else y, state


class Writer(nn.Module):
    """Ids in, scores out: a language model as they are written everywhere."""

    def __init__(self, tied=False):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.lstm = nn.LSTM(4, 4)
        self.head = nn.Linear(4, 9)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens, state=None):
        y, state = self.lstm(self.embedding(tokens), state)
        return self.head(y), state


@pytest.mark.parametrize(
    "module",
    [
        nn.LSTM(3, 4, 2), nn.GRU(3, 4, batch_first=True), nn.RNN(3, 4, bidirectional=True),
        nn.LSTM(3, 4, proj_size=2), clew.nn.LSTM(3, 4, bidirectional=True, batch_first=True),
        clew.nn.GRU(3, 4), clew.nn.Stack(3, 4, 2, cell="rnn"),
        clew.nn.Stack(3, 4, 2, bidirectional=True), Leaky(), Leaky(True),
    ],
    ids=lambda module: type(module).__module__ + "." + type(module).__name__,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_any_layer_says_what_it_says(module):
    torch.manual_seed(0)
    data = drawn()
    first = isinstance(module, Leaky) and module.first
    subject = opened(module, data, batch_first=True if first else None)
    cases = subject.cases(5, FAR)
    _, said, moved = asked(subject, cases)
    assert float(moved.detach().max()) < 1e-10
    axis = 0 if first or getattr(module, "batch_first", False) else 1
    for case, row in zip(cases, said, strict=True):
        y, _ = module(torch.from_numpy(data[case.source]).unsqueeze(axis), None)
        torch.testing.assert_close(row, y.select(axis, 0)[case.at], atol=1e-5, rtol=1e-4)
    check(subject, reach=8)
    assert module.training  # the user's own is left as it is


def test_without_targets_the_loss_is_how_far_the_answer_moves():
    module = Leaky()
    subject = opened(module, drawn())
    cases = subject.cases(4, 12)
    short = [
        type(case)(case.inputs[case.at - 2 : case.at + 1], 2, case.target, source=case.source)
        for case in cases
    ]
    with torch.no_grad():
        for case, loss in zip(cases, losses(subject, short), strict=True):
            x = module.weight(torch.from_numpy(case.inputs[: case.at + 1]))
            whole = sum(0.5 ** (len(x) - 1 - t) * x_t for t, x_t in enumerate(x))
            few = x[-1] + 0.5 * x[-2] + 0.25 * x[-3]
            assert loss == pytest.approx(
                float((few - whole).square().sum() / whole.square().sum()), rel=1e-4
            )


def test_targets_by_step_and_by_sequence():
    data = drawn()
    module = nn.GRU(3, 2)
    with torch.no_grad():
        outputs = [module(torch.from_numpy(x))[0].numpy() for x in data]
    subject = opened(module, data, targets=outputs)
    assert (subject.loss_name, subject.in_nats) == ("mean squared error", False)
    assert losses(subject, subject.cases(8, FAR)).max() < 1e-10
    subject = opened(module, data, targets=[0, 1, 0, 1, 1])
    assert (subject.loss_name, subject.in_nats) == ("nats a step", True)
    cases = subject.cases(FAR, FAR)
    assert [case.at for case in cases] == [len(x) - 1 for x in data]
    for case, loss in zip(cases, losses(subject, cases), strict=True):
        row = torch.from_numpy(outputs[case.source][-1]).log_softmax(0)
        assert loss == pytest.approx(-float(row[case.target]), rel=1e-4)
    slopes(subject, cases)


def test_readout_and_loss_of_ones_own():
    def absolute_error(said, truth):
        return (said - truth).abs().sum(1)

    readout = nn.Linear(4, 1)
    truth = [x.sum(1, keepdims=True) for x in drawn()]
    module = nn.LSTM(3, 4)
    subject = opened(module, drawn(), readout=readout, targets=truth, loss=absolute_error)
    assert subject.loss_name == "absolute error"
    case = subject.cases(1, FAR)[0]
    y, _ = module(torch.from_numpy(drawn()[case.source]), None)
    want = abs(readout(y[case.at]).item() - truth[case.source][case.at, 0])
    assert losses(subject, [case])[0] == pytest.approx(want, rel=1e-5)


def test_ids_go_through_the_modules_own_embedding():
    torch.manual_seed(0)
    module = Writer()
    tokens = [np.random.default_rng(k).integers(0, 9, 15) for k in range(4)]
    subject = opened(module, tokens, targets="next")
    cases = subject.cases(3, FAR)
    assert subject.in_nats
    for case, loss in zip(cases, losses(subject, cases), strict=True):
        scores, _ = module(torch.from_numpy(tokens[case.source])[:, None])
        row = scores[case.at, 0].detach().log_softmax(0)
        assert loss == pytest.approx(-float(row[tokens[case.source][case.at + 1]]), rel=1e-5)
    check(subject)
    check(opened(Writer(tied=True), tokens))
    check(opened(nn.LSTM(4, 5), tokens, embed=nn.Embedding(9, 4)))


def test_bits_are_numbers_and_sequences_without_a_step_are_left_out():
    data = [*drawn(), np.zeros((0, 3))]
    module = nn.GRU(3, 1)
    subject = opened(module, data, targets=[True, False, True, True, False, True])
    assert (subject.loss_name, subject.relative) == ("mean squared error", False)
    cases = subject.cases(FAR, FAR)
    assert len(cases) == 5
    for case, loss in zip(cases, losses(subject, cases), strict=True):
        y, _ = module(torch.from_numpy(data[case.source]))
        want = (float(y[-1].detach()) - (case.source in (0, 2, 3))) ** 2
        assert loss == pytest.approx(want, rel=1e-4)


def test_a_loss_of_torchs_own_reads_targets_of_doubles():
    loss = nn.CrossEntropyLoss(reduction="none")
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 5)  # of four classes, float64
    subject = opened(nn.GRU(3, 4), drawn(), targets=list(shares), loss=loss)
    cases = subject.cases(FAR, FAR)
    _, said, found = asked(subject, cases)
    truth = torch.from_numpy(np.stack([shares[case.source] for case in cases]))
    torch.testing.assert_close(
        found, -(truth * said.double().log_softmax(1)).sum(1).float(), atol=1e-6, rtol=1e-4
    )


def test_no_memory_is_said_in_words():
    class Forward(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x, state=None):
            return self.layer(x), None

    assert "carries nothing" in opened(Forward(), drawn()).title
    assert "carries nothing" not in opened(Leaky(), drawn()).title


def test_on_noise_and_before_it_learned():
    begun, module = nn.GRU(2, 3), nn.GRU(2, 3)
    subject = opened(module, untrained=begun)
    assert subject.title == "torch GRU of 1 x 3, on noise"
    first = subject.untrained()
    assert torch.equal(first.network["reader"].weight_ih_l0, begun.weight_ih_l0)
    assert first.untrained() is None
    tokens = [np.arange(5), np.arange(3)]
    both = opened(Writer(), tokens, targets="next", untrained=Writer())
    assert [c.target for c in both.untrained().cases(FAR, FAR)] == [1, 2, 3, 4, 1, 2]


def test_refuses_other_signatures_and_shapes():
    with pytest.raises(InputError, match="fails on x"):
        opened(nn.Linear(3, 4), drawn())
    with pytest.raises(InputError, match="3 features a step"):
        opened(nn.LSTM(4, 4), drawn())
    with pytest.raises(InputError, match="alone than beside others") as caught:
        opened(Leaky(True), drawn())
    assert "batch_first=True" in caught.value.hint
    with pytest.raises(InputError, match="no input_size"):
        opened(Leaky())
    with pytest.raises(InputError, match="has 0 embeddings"):
        opened(Leaky(), [np.arange(5)])
    with pytest.raises(InputError, match="the id 9"):
        opened(Writer(), [np.arange(10)])
    with pytest.raises(InputError, match="5 sequences and 2 targets"):
        opened(Leaky(), drawn(), targets=[1, 2])
    with pytest.raises(InputError, match="7 targets for 2 answers"):
        opened(Leaky(), drawn(), targets=[np.zeros(7)] * 5)
    with pytest.raises(InputError, match="for 2 scores"):
        opened(Leaky(), drawn(), targets=[2] * 5)
    with pytest.raises(InputError, match="loss needs targets"):
        opened(Leaky(), drawn(), loss=nn.MSELoss())
    with pytest.raises(InputError, match="one number a case"):
        opened(Leaky(), drawn(), loss=lambda said, truth: said.sum(), targets=[0.0] * 5)
    with pytest.raises(InputError, match=r"the loss fails on \(1, 2\) and \(1,\): Ru") as caught:
        opened(nn.GRU(3, 2), drawn(), loss=lambda said, truth: said @ truth, targets=[0.0] * 5)
    assert caught.value.where == "loss"
    with pytest.raises(InputError, match=r"the readout fails on \(1, 2\): RuntimeError"):
        opened(Leaky(), drawn(), readout=nn.Linear(3, 1))
    with pytest.raises(InputError, match="columns does not go with a torch module"):
        opened(Leaky(), drawn(), columns={"a": "b"})
    with pytest.raises(InputError, match="no sequence with a step"):
        opened(nn.LSTM(3, 4), [np.zeros((0, 3))])
