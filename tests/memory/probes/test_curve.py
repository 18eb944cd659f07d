import json

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clew.errors import InputError
from clew.memory.probes import (
    Adding,
    ByLength,
    DelayedRecall,
    Learning,
    Parity,
    Score,
    by_length,
    learn,
)

FEW = Learning(4, steps=2, judged=8, batch_size=4)


@pytest.fixture(scope="module")
def model():
    return learn(Parity(), FEW)


def made(*shares):
    return ByLength(
        "parity", "count", "bits", [2, 4, 8], {"it": [Score(0.1, share) for share in shares]},
        [Score(0.69, 0.5)] * 3, [1, 3, 7], 100, 0,
    )  # fmt: skip


def test_scores_are_the_models(model):
    found = by_length({"one": model, "two": model.untrained()}, [8, 3, 3], count=70, seed=2)
    assert found.lengths == [3, 8]
    assert found.lines["one"] == [model.score(3, 70, 2), model.score(8, 70, 2)]
    assert found.lines["one"] != found.lines["two"]
    assert found.horizons == [2, 7]
    assert by_length(model, [3]).lines.keys() == {model.title}


def test_words_say_up_to_where_it_holds():
    assert made(1.0, 0.9, 0.7).words() == ["it: holds up to 4 bits; at 8 it is nearer to chance."]
    assert made(1.0, 0.9, 0.8).words() == ["it: holds up to 8 bits, the longest tried."]
    assert made(0.6, 0.9, 0.8).words() == ["it: near chance already at 2 bits."]


def test_what_goes_round_the_question_is_told(model):
    found = by_length(model, [2, 10], count=20)
    last = found.words()[-1]
    assert last == "By saying the bit just read alone: 55.0 % right at 10 bits."
    assert [row[-2] for row in found.tables()[0].rows] == [0.75, 0.55]
    assert found.data()["shortcuts"][1]["accuracy"] == 0.55
    lag = by_length(learn(DelayedRecall(), FEW), [2, 10], count=20)
    assert len(lag.words()) == 1
    assert [row[-2] for row in lag.tables()[0].rows] == [None, None]


def test_numbers_are_compared_by_their_loss():
    found = ByLength(
        "adding", "add", "numbers", [5, 9], {"it": [Score(0.01), Score(0.16)]},
        [Score(1 / 6)] * 2, [None, None], 100, 0,
    )  # fmt: skip
    assert found.words() == ["it: holds up to 5 numbers; at 9 it is nearer to chance."]
    assert found.tables()[0].rows[1] == [9, 0.16, 1 / 6, None, None]
    assert found.tables()[0].title == "loss"


@pytest.mark.parametrize("probe", [Parity(), Adding()], ids=lambda p: p.name)
def test_it_is_a_finding(probe):
    found = by_length(learn(probe, FEW), [2, 5], count=20)
    assert json.loads(json.dumps(found.data())) == found.data()
    assert "20 new sequences" in found.method
    assert probe.title in found.title
    figure = Figure(figsize=found.size())
    found.draw(figure)
    FigureCanvasAgg(figure).draw()
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [2, 2, 2]
    assert [line.get_label() for line in figure.axes[0].lines][1:] == ["chance", "shortcut"]
    assert figure.axes[0].get_xlabel() == probe.span


def test_what_cannot_be_compared(model):
    with pytest.raises(InputError, match="no models"):
        by_length({}, [3])
    with pytest.raises(InputError, match="no lengths"):
        by_length(model, [])
    with pytest.raises(InputError, match="different probes"):
        by_length({"a": model, "b": learn(Adding(), FEW)}, [3])
    for models in (None, [model], {"a": 5}):
        with pytest.raises(InputError, match="not all"):
            by_length(models, [3])
    for lengths in (3, [3, "x"], [2.5], [0]):
        with pytest.raises(InputError) as caught:
            by_length(model, lengths)
        assert caught.value.where.startswith("length")
