"""Names of networks, and what they make of an estimator's layers."""

import pytest

from clew import InputError
from clew.memory.compare import entrants
from clew.nn import GRU, Stack
from clew.nn.rivals import Attending, Window


def names(*given, **more):
    return [one.name for one in entrants(*given, **more)]


def test_all_that_a_task_has():
    assert names(None, both=False) == ["window", "rnn", "gru", "lstm", "transformer"]
    assert names(None, both=True)[5:] == ["birnn", "bigru", "bilstm", "bitransformer"]
    only = names(None, both=True, cells_only=True)
    assert only == ["rnn", "gru", "lstm", "birnn", "bigru", "bilstm"]


def test_each_makes_its_own_layers():
    made = {}
    for one in entrants(["window", "bitransformer", "bigru"], both=True, window=3, context=6):
        with one.built(feedforward=10):
            made[one.name] = Stack(4, 4, cell=one.cell, bidirectional=one.both_ways).layers[0]
    assert isinstance(made["window"], Window)
    assert made["window"].reach == 2
    assert isinstance(made["bitransformer"], Attending)
    assert made["bitransformer"].reach == 5
    assert made["bitransformer"].encoder.linear1.out_features == 10
    assert isinstance(made["bigru"], GRU)
    assert made["bigru"].bidirectional


@pytest.mark.parametrize(
    ("given", "more", "said"),
    [
        (["lstn"], {"both": True}, "there is no rival 'lstn'"),
        ([], {"both": True}, "there are no rivals"),
        (["gru", "gru"], {"both": True}, "named twice"),
        (["bilstm"], {"both": False}, "bilstm reads both ways"),
        (["window"], {"both": True, "cells_only": True}, "window cannot take part"),
        (["gru"], {"both": True, "window": 0}, "window is 0"),
        (["gru"], {"both": True, "context": True}, "context is True"),
    ],
)
def test_what_is_refused(given, more, said):
    with pytest.raises(InputError, match=said):
        entrants(given, **more)
