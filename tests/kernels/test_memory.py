"""Large memory that is used again: its size, its bits, and what a thread or a fork makes of it."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from clew import nn
from clew.kernels import simd

MB = 1 << 20


def run(layer, steps=400, batch=8):
    x = torch.linspace(-1, 1, steps * batch * 4).reshape(steps, batch, 4).requires_grad_()
    y, _ = layer(x)
    y.square().sum().backward()
    return [x.grad, *(weight.grad for weight in layer.parameters())]


def kept():
    gc.collect()
    return simd.native().kept_bytes()


def test_what_a_call_gives_back_the_next_one_has_and_nothing_is_added():
    layer = nn.LSTM(4, 64)
    run(layer)
    once = kept()
    assert once >= 400 * 8 * 5 * 64 * 4  # the record at least
    for _ in range(3):
        layer.zero_grad()
        run(layer)
        assert kept() == once


def test_what_is_kept_never_adds_to_the_most_that_was_lent():
    """A block of another size takes the place of those kept, not a place beside them."""
    small, large = nn.GRU(4, 64), nn.GRU(4, 64)
    run(large, steps=1600)
    most = kept()
    for steps in (400, 700, 1000, 1300):
        run(small, steps=steps)
    assert kept() <= most


def test_old_content_is_never_read():
    """The bits are those of fresh memory, whatever the blocks were used for before."""
    torch.manual_seed(0)
    layer = nn.LSTM(4, 64)
    first = run(layer)
    other = nn.LSTM(4, 64)
    with torch.no_grad():
        for weight in other.parameters():
            weight.fill_(float("nan"))
    run(other)  # leaves NaN in everything it had
    layer.zero_grad()
    for one, two in zip(first, run(layer), strict=True):
        assert torch.equal(one, two)


def test_two_threads_borrow_at_once():
    torch.manual_seed(0)
    layers = [nn.GRU(4, 64) for _ in range(4)]
    alone = [run(layer) for layer in layers]
    for layer in layers:
        layer.zero_grad()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, layers))
    for one, two in zip(alone, together, strict=True):
        for a, b in zip(one, two, strict=True):
            torch.testing.assert_close(a, b)


def test_a_record_that_is_still_held_is_nobody_elses():
    layer = nn.LSTM(4, 64)
    x = torch.linspace(-1, 1, 400 * 8 * 4).reshape(400, 8, 4)
    held, _ = layer(x)
    run(nn.LSTM(4, 64))
    held.sum().backward()
    again = [weight.grad.clone() for weight in layer.parameters()]
    layer.zero_grad()
    layer(x)[0].sum().backward()
    for one, weight in zip(again, layer.parameters(), strict=True):
        assert torch.equal(one, weight.grad)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_uses_what_was_kept():
    torch.manual_seed(0)
    layer = nn.GRU(4, 64)
    expected = run(layer)
    layer.zero_grad()
    child = os.fork()
    if child == 0:
        good = all(torch.equal(a, b) for a, b in zip(expected, run(layer), strict=True))
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
