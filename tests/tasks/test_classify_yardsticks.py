"""How much of a fit's time goes into what has no memory."""

import numpy as np
import pytest

from clew.tasks._classify.encoder import Encoder
from clew.tasks._classify.labelling import Examples
from clew.tasks._classify.yardsticks import (
    COUNTS_TIME,
    REGRESSION,
    SECONDS,
    counting_share,
    without_memory,
)
from clew.tasks._examples import check_sequences
from clew.train import TrainSettings


def test_counting_takes_its_share_of_the_time_and_no_more():
    texts = check_sequences(["x" * 1000] * 100)
    assert counting_share(texts, None) == 0.0
    assert counting_share(texts, 10.0) == pytest.approx(SECONDS * 100_000 / 10)
    assert counting_share(texts, 0.01) == COUNTS_TIME
    series = check_sequences([np.zeros((900, 2)), np.zeros((100, 2))])
    assert counting_share(series, 10.0) == pytest.approx(REGRESSION * 2000 / 10)
    assert counting_share(series, None) == 0.0
    assert counting_share(series, 0.001) == COUNTS_TIME


@pytest.mark.parametrize(("time", "counted"), [(None, 60), (30.0, 60), (1.0, 16)])
def test_where_time_is_short_some_texts_are_counted(time, counted):
    y = np.array([0, 1] * 30)  # of which every fourth is of one class
    texts = check_sequences([f"{'good' if n else 'bad'} {'x' * 8_600}" for n in y])
    classes = np.array([0, 1])
    encoder = Encoder.learn(
        texts, classes, unit="word", size=99, min_count=1, lowercase=True, max_length=None
    )
    examples = Examples(encoder.encode(texts), y)
    baseline, window = without_memory(
        texts, texts, examples, examples, TrainSettings(epochs=1, device="cpu", time=time), encoder,
        embedding_size=4, hidden_size=4, dropout=0.0, batch_size=8,
    )  # fmt: skip
    assert baseline["counted"] == counted
    assert baseline["accuracy"] == 1.0
    assert window["parameters"] == 4 * len(encoder.tokenizer) + (16 * 4 + 1) * 4 + (4 + 1) * 2
