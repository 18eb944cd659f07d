"""Memory that runs out, told in words."""

import numpy as np
import pytest
import torch

from clew.errors import InputError
from clew.memory._room import enough_memory


def of_python():
    return bytearray(1 << 62)


def of_numpy():
    return np.zeros(1 << 50)


def of_torch():
    return torch.zeros(1 << 50)


@pytest.mark.parametrize("take", [of_python, of_numpy, of_torch])
def test_what_does_not_fit_is_told_with_what_takes_less(take):
    told = pytest.raises(InputError, match="not enough memory for gates")
    with told as caught, enough_memory("gates"):
        take()
    assert "fewer cases" in caught.value.hint
    assert caught.value.__cause__ is not None


def test_other_errors_are_left_as_they_are():
    with pytest.raises(RuntimeError, match="shapes"), enough_memory("gates"):
        raise RuntimeError("shapes cannot be multiplied")
