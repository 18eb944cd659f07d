"""What the first bytes of a file tell: a pickle, or a safetensors header of any length."""

import pickle
import struct
from pathlib import Path

import pytest

from clew import InputError
from clew.tasks._header import refuse_pickle


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [None, {}, {"weight": [1.0]}, 0, b""])
def test_a_pickle_of_any_protocol_is_refused(protocol, value):
    with pytest.raises(InputError, match="never opens pickles"):
        refuse_pickle(pickle.dumps(value, protocol), Path("model.safetensors"))


@pytest.mark.parametrize("length", [8, 640, 896, 1152, 1408, 66_176])
def test_a_header_whose_length_begins_like_a_pickle_is_none(length):
    refuse_pickle(struct.pack("<Q", length) + b'{"weight"', Path("model.safetensors"))
