"""What torch.nn refuses, clew.nn refuses, with the same types of exception."""

import warnings

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

import clew.nn

KINDS = ["RNN", "LSTM", "GRU"]


BAD_LAYERS = {
    "no arguments": ((), {}),
    "one argument": ((3,), {}),
    "unknown argument": ((3, 4), {"layernorm": True}),
    "hidden size 0": ((3, 0), {}),
    "hidden size negative": ((3, -4), {}),
    "hidden size a fraction": ((3, 4.0), {}),
    "hidden size a text": ((3, "4"), {}),
    "hidden size None": ((3, None), {}),
    "input size negative": ((-3, 4), {}),
    "input size a fraction": ((3.5, 4), {}),
    "layers 0": ((3, 4, 0), {}),
    "layers negative": ((3, 4, -1), {}),
    "layers a fraction": ((3, 4, 1.5), {}),
    "dropout above 1": ((3, 4, 2), {"dropout": 1.5}),
    "dropout negative": ((3, 4, 2), {"dropout": -0.1}),
    "dropout True": ((3, 4, 2), {"dropout": True}),
    "dropout a text": ((3, 4, 2), {"dropout": "0.5"}),
    "dropout NaN": ((3, 4, 2), {"dropout": float("nan")}),
    "projection negative": ((3, 4), {"proj_size": -1}),
    "projection as large as hidden": ((3, 4), {"proj_size": 4}),
    "nonlinearity unknown": ((3, 4), {"nonlinearity": "sigmoid"}),
    "projection where there is none": ((3, 4), {"proj_size": 2}),
    "device unknown": ((3, 4), {"device": "abacus"}),
    "dtype of integers": ((3, 4), {"dtype": torch.int64}),
    "dtype a text": ((3, 4), {"dtype": "float32"}),
}


def complaint(call):
    """The type of the exception with which a call says what is wrong, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except Exception as e:
        return type(e) if str(e).strip() else None
    return None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BAD_LAYERS)
def test_bad_constructor_arguments(kind, name):
    args, options = BAD_LAYERS[name]
    theirs, ours = (
        complaint(lambda library=library: getattr(library, kind)(*args, **options))
        for library in (torch.nn, clew.nn)
    )
    if theirs is None:  # what torch lets pass, clew may refuse
        assert ours is None or issubclass(ours, (ValueError, TypeError))
    else:
        assert ours is not None, f"torch raises {theirs.__name__}, clew nothing"
        assert issubclass(ours, theirs)


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(*shape, dtype=dtype)


# for a layer (3, 4, num_layers=2): input and, by rows of (shape of h, shape of c), the state
BAD_CALLS = {
    "no input": (),
    "input of 1 dimension": (zeros(3),),
    "input of 4 dimensions": (zeros(5, 2, 3, 1),),
    "input of no dimension": (torch.tensor(0.0),),
    "input too wide": (zeros(5, 2, 4),),
    "input too narrow": (zeros(5, 2, 2),),
    "input of no steps": (zeros(0, 2, 3),),
    "unbatched input of no steps": (zeros(0, 3),),
    "unbatched input too wide": (zeros(5, 4),),
    "input a list": ([[0.0, 0.0, 0.0]],),
    "input None": (None,),
    "input of doubles": (zeros(5, 2, 3, dtype=torch.float64),),
    "input of integers": (zeros(5, 2, 3, dtype=torch.int64),),
    "input of halves": (zeros(5, 2, 3, dtype=torch.float16),),
    "state with too few layers": (zeros(5, 2, 3), (1, 2, 4)),
    "state with too many layers": (zeros(5, 2, 3), (4, 2, 4)),
    "state for another batch": (zeros(5, 2, 3), (2, 3, 4)),
    "state for a batch of one": (zeros(5, 2, 3), (2, 1, 4)),
    "state of another size": (zeros(5, 2, 3), (2, 2, 5)),
    "state without its batch": (zeros(5, 2, 3), (2, 4)),
    "state with a batch, input without": (zeros(5, 3), (2, 1, 4)),
    "state of 4 dimensions": (zeros(5, 2, 3), (1, 2, 2, 4)),
    "unbatched state of another size": (zeros(5, 3), (2, 5)),
    "unbatched state with too few layers": (zeros(5, 3), (1, 4)),
    "state of doubles": (zeros(5, 2, 3), (2, 2, 4), torch.float64),
    "packed input too wide": (pack_padded_sequence(zeros(5, 2, 4), [5, 3]),),
    "packed input, state for another batch": (
        pack_padded_sequence(zeros(5, 2, 3), [5, 3]),
        (2, 3, 4),
    ),
    "packed input, state without its batch": (
        pack_padded_sequence(zeros(5, 2, 3), [5, 3]),
        (2, 4),
    ),
}


def same_complaint(kind, name, call):
    theirs, ours = (
        complaint(lambda library=library: call(getattr(library, kind)(3, 4, num_layers=2)))
        for library in (torch.nn, clew.nn)
    )
    assert theirs is not None, f"torch allows {name}"
    assert ours is not None, f"torch raises {theirs.__name__}, clew nothing"
    by_accident = issubclass(theirs, (AttributeError, IndexError))  # torch stumbles, unchecked
    better = (TypeError, ValueError, RuntimeError) if by_accident else ()
    assert issubclass(ours, (theirs, *better))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(kind, name):
    def call(layer):
        given, shape, *dtype = (*BAD_CALLS[name], None)[:3] if BAD_CALLS[name] else (None,) * 2
        if not BAD_CALLS[name]:
            return layer()
        if shape is None:
            return layer(given)
        dtype = dtype[0] if dtype and dtype[0] is not None else torch.float32
        h = zeros(*shape, dtype=dtype)
        return layer(given, (h, h) if kind == "LSTM" else h)

    same_complaint(kind, name, call)


BAD_STATES = {
    "a tensor": lambda h: h,
    "a triple": lambda h: (h, h, h),
    "h alone": lambda h: (h,),
    "cell of another size": lambda h: (h, zeros(2, 2, 5)),
    "cell for another batch": lambda h: (h, zeros(2, 3, 4)),
    "cell of doubles": lambda h: (h, h.double()),
    "no cell": lambda h: (h, None),
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_bad_states_of_an_lstm(name):
    same_complaint("LSTM", name, lambda m: m(zeros(5, 2, 3), BAD_STATES[name](zeros(2, 2, 4))))


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_a_pair_is_no_state_of_a_gru(kind):
    h = zeros(2, 2, 4)
    same_complaint(kind, "a pair", lambda m: m(zeros(5, 2, 3), (h, h)))
