"""A carried state survives being taken apart, and is cut from its past."""

import json

import pytest
import torch

from clew.train import carry


def test_apart_and_together_through_json():
    h, c = torch.ones(2, 3), torch.zeros(4)
    for state in [None, h, (h, c), ((h, c), None, (h,)), ()]:
        shape, tensors = carry.apart(state)
        again = carry.together(json.loads(json.dumps(shape)), tensors)
        assert repr(again) == repr(state)


def test_detached_is_a_contiguous_copy_without_history():
    x = torch.randn(4, 3, requires_grad=True)
    y = (2 * x).T[1:]
    (cut,) = carry.detach([y])
    assert not cut.requires_grad
    assert cut.is_contiguous()
    assert torch.equal(cut, y)
    assert cut.untyped_storage().data_ptr() != y.untyped_storage().data_ptr()
    assert cut.storage_offset() == 0


def test_what_is_no_state():
    with pytest.raises(TypeError, match="dict"):
        carry.detach(({"h": torch.ones(1)},))
