"""What is opened, and what is not."""

from __future__ import annotations

import pytest
from torch import nn

from clew.errors import InputError
from clew.memory.opening import opened


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(InputError, match="there is no model here"):
        opened(tmp_path / "nothing", "text")
    with pytest.raises(InputError, match="a model of type int"):
        opened(3, "text")
    with pytest.raises(InputError, match="a model of type Classifier"):
        opened(type("Classifier", (), {})(), "text")


def test_options_go_with_what_they_are_for():
    with pytest.raises(InputError, match="side does not go with a torch module"):
        opened(nn.LSTM(2, 2), side="source")
    with pytest.raises(InputError, match="loss does not go with an estimator"):
        opened(3, "text", loss=nn.MSELoss())
