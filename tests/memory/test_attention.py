"""Where attention looks, against the weights that its own equations give."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from toys import Toy, delay

import clew.nn
from clew import InputError
from clew.memory.attention import Attention, attends, attention
from clew.memory.subject import Case
from clew.memory.subjects.classify import classify
from clew.memory.subjects.translate import translate
from clew.tasks.classify import Classifier
from clew.tasks.translate import Translator

TEXTS = ["a good film", "a bad film", "so good", "so very bad"] * 4
QUICK = {"embedding_size": 4, "hidden_size": 4, "epochs": 1, "baseline": False, "device": "cpu"}
SOURCES = ["one two three", "two one", "three three one"] * 4
TARGETS = ["un deux trois", "deux un", "trois trois un"] * 4


def drawn(finding):
    figure = Figure(figsize=finding.size(), layout="constrained")
    finding.draw(figure)
    FigureCanvasAgg(figure).draw()


def test_a_classifier_that_pools_by_attention():
    model = Classifier(pool="attention", **QUICK).fit(TEXTS, [0, 1, 0, 1] * 4)
    subject = classify(model, (TEXTS, [0, 1, 0, 1] * 4), {})
    case = max(subject.cases(4, 10), key=lambda case: len(case.inputs))
    found = attention(subject, case)
    network = model.network_
    with torch.no_grad():
        y, _ = network.stack(network.embedding(torch.from_numpy(case.inputs)[:, None]))
        layer = network.attention
        scores = layer.score(torch.tanh(layer.query(network.query) + layer.key(y[:, 0])))[:, 0]
        expected = torch.softmax(scores, 0).numpy()
    np.testing.assert_allclose(found.weights, expected[None], atol=1e-6)
    assert found.read == subject.names(case)
    assert found.kind == "additive"
    drawn(found)
    json.dumps(found.data(), allow_nan=False)
    assert len(found.tables()[0].rows) == len(case.inputs)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "fed"])
def translator(request):
    return Translator(
        embedding_size=6, hidden_size=6, epochs=1, baseline=False, device="cpu", unit="word",
        input_feeding=request.param,
    ).fit(SOURCES, TARGETS)  # fmt: skip


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_translator_looks_as_its_alignment_says(translator, side):
    subject = translate(translator, (SOURCES, TARGETS), {}, side=side)
    case = max(subject.cases(40, 20), key=lambda case: (case.at, len(case.inputs)))
    found = attention(subject, case)
    truth = translator.align(SOURCES[case.source], TARGETS[case.source])
    rows = len(found.weights)
    np.testing.assert_allclose(found.weights, truth.weights[:rows], atol=1e-5)
    assert rows == (case.at + 1 if side == "target" else len(truth.target))
    assert [name.strip() for name in found.read[:-1]] == SOURCES[case.source].split()
    assert all(found.asking)
    drawn(found)
    assert "as if at" in found.words()[0]


def test_spread_is_over_how_many_elements_alike():
    found = Attention([""], list("abcd"), np.array([[0.5, 0.5, 0.0, 0.0]]), "dot")
    assert found.words()[0].startswith("Of 4 elements attention looks most at 'a' (0.50), 'b'")
    assert "looked at 2.0 of them" in found.words()[1]
    square = Attention(["x", "y"], ["", ""], np.array([[1.0, 0.0], [0.5, 0.5]]), "dot")
    assert "as if at 1.5 of them" in square.words()[0]
    assert "'x', which gives number 1 1.00" in square.words()[1]
    drawn(square)


def test_models_without_attention():
    toy = delay(1)
    assert not attends(toy)
    with pytest.raises(InputError, match="no attention"):
        attention(toy, toy.cases(1, 5)[0])


@dataclass(frozen=True, eq=False)
class Idle(Toy):
    @property
    def network(self):
        return torch.nn.ModuleList([self.reader, clew.nn.DotAttention()])


def test_attention_that_is_not_used():
    toy = delay(1)
    idle = Idle(toy.title, toy.reader, toy.readout, toy.target, toy.table)
    with pytest.raises(InputError, match="without looking"):
        attention(idle, Case(np.arange(4), 3, 0))
