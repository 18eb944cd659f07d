"""Settings say no where they must; times and devices are understood."""

import math

import pytest
import torch

from clew.errors import InputError
from clew.train import TrainSettings, parse_time, resolve_device


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("epochs", 2.5),
        ("epochs", True),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", "fast"),
        ("weight_decay", -0.1),
        ("clip", 0.0),
        ("clip", math.inf),
        ("warmup", 1.1),
        ("warmup", -0.1),
        ("final", 2),
        ("patience", 0),
        ("target", float("nan")),
        ("average", 1.0),
        ("average", -0.5),
        ("seed", -1),
        ("seed", 2**63),
        ("device", "gpu"),
        ("device", None),
        ("time", 0.0),
        ("time", "3m"),
        ("checkpoint_every", -1.0),
        ("evaluate_every", 0),
    ],
)
def test_a_setting_that_cannot_be_is_named(name, value):
    with pytest.raises(InputError) as refused:
        TrainSettings(**{name: value})
    assert refused.value.where == name
    assert repr(value) in refused.value.what
    assert refused.value.expected


def test_the_edges_are_allowed():
    TrainSettings(
        epochs=1, weight_decay=0, warmup=0, final=0, checkpoint_every=0, clip=None, average=0
    )
    TrainSettings(warmup=1.0, final=1.0, patience=1, seed=2**63 - 1, time=0.1, device="cuda:1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3m", 180),
        ("90s", 90),
        ("1h30m", 5400),
        ("1h 2m 3s", 3723),
        ("45", 45),
        (45, 45),
        (0.5, 0.5),
        ("1.5m", 90),
        ("2H", 7200),
    ],
)
def test_lengths_of_time(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "3x", "-3m", "0", 0, -1, "3m2h", "nan", math.inf, None, True]
)
def test_what_is_no_length_of_time(text):
    with pytest.raises(InputError, match="length of time"):
        parse_time(text)


def test_devices(monkeypatch):
    assert resolve_device("cpu") == torch.device("cpu")
    with pytest.raises(InputError, match="no device 'tpu'"):
        resolve_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")
    for name in ("cuda", "mps"):
        with pytest.raises(InputError, match=f"'{name}' was asked for") as refused:
            resolve_device(name)
        assert refused.value.hint == 'device="auto", or device="cpu"'
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("auto") == torch.device("cuda")
    with pytest.raises(InputError, match=r"has 1 CUDA device"):
        resolve_device("cuda:1")
