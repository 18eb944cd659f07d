"""The masks of recurrent dropout and zoneout: their values, how often, and what they cost."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from clew.kernels import Cell, draw_masks, simd

LIKE = torch.zeros((), dtype=torch.float64)


def drawn(cell, steps=50, batch=40, width=8, hidden=10, seed=0):
    torch.manual_seed(seed)
    return draw_masks(cell, steps, batch, width, hidden, LIKE)


def share(mask, value):
    """How often a value occurs, and how far that may be from its chance (5 standard deviations)."""
    return float((mask == value).double().mean()), 5 * 0.5 / mask.numel() ** 0.5


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_recurrent_dropout_is_one_mask_a_sequence_and_keeps_the_mean(p):
    (masks,) = drawn(Cell("GRU", recurrent_dropout=p), batch=2000)
    assert masks.recurrent.shape == (2000, 8)  # no axis of time
    assert set(masks.recurrent.unique().tolist()) == {0.0, 1.0 / (1.0 - p)}
    dropped, margin = share(masks.recurrent, 0.0)
    assert abs(dropped - p) < margin
    assert (masks.zone_h, masks.zone_c) == (None, None)


def test_zoneout_is_drawn_at_each_step_for_h_and_for_c():
    (masks,) = drawn(Cell("LSTM", zoneout=(0.2, 0.7)))
    assert masks.zone_h.shape == (50, 40, 8)
    assert masks.zone_c.shape == (50, 40, 10)
    for mask, chance in ((masks.zone_h, 0.2), (masks.zone_c, 0.7)):
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        kept, margin = share(mask, 1.0)
        assert abs(kept - chance) < margin
        assert not torch.equal(mask[0], mask[1])


def test_directions_and_sequences_draw_for_themselves():
    ahead, back = drawn(Cell("LSTM", True, recurrent_dropout=0.5, zoneout=(0.5, 0.5)))
    for a, b in zip(ahead, back, strict=True):
        assert not torch.equal(a, b)
    assert len(ahead.recurrent.unique(dim=0)) > 30  # of 40 sequences


def test_what_is_off_draws_nothing():
    before = torch.manual_seed(3).get_state()
    masks = draw_masks(Cell("LSTM", True), 5, 3, 4, 4, LIKE)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(part is None for mask in masks for part in mask)
    (masks,) = drawn(Cell("GRU", zoneout=(0.3, 0.3)))
    assert masks.zone_c is None  # a GRU has no cell


# --- the numbers of the native masks --------------------------------------------------------------


def split_mix(seed, count):
    """The sequence as published: Steele, Lea & Flood 2014, with the constants of java.util."""
    whole = (1 << 64) - 1
    for k in range(1, count + 1):
        z = (seed + k * 0x9E3779B97F4A7C15) & whole
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & whole
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & whole
        yield z ^ (z >> 31)


def native(seed, chance, count, dtype=torch.float32, threads=1):
    out = torch.full((count + 1,), 7.0, dtype=dtype)
    simd.native().draw(dtype == torch.float64, seed, chance, out.data_ptr(), count, threads)
    assert out[count] == 7.0  # nothing is written beyond the end
    return out[:count].tolist()


@given(
    seed=st.integers(0, (1 << 64) - 1),
    chance=st.floats(0, 1),
    count=st.integers(0, 9),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=100)
def test_a_mask_is_the_published_sequence_cut_in_halves(seed, chance, count, dtype):
    halves = [half for z in split_mix(seed, 5) for half in (z & 0xFFFFFFFF, z >> 32)]
    limit = int(chance * 2**32 + 0.5)
    assert native(seed, chance, count, dtype) == [float(half < limit) for half in halves[:count]]


def test_the_sequence_is_that_of_its_reference_code():
    assert next(split_mix(1234567, 1)) == 6457827717110365317  # as its authors' code prints


def test_a_mask_does_not_depend_on_the_threads():
    alone = native(5, 0.3, 100_001)
    assert native(5, 0.3, 100_001, threads=3) == alone
    assert abs(sum(alone) / len(alone) - 0.3) < 0.008
    assert native(5, 0.0, 1000) == [0.0] * 1000
    assert native(5, 1.0, 1000) == [1.0] * 1000


def test_masks_follow_torchs_seed():
    cell = Cell("LSTM", zoneout=(0.2, 0.2))
    (first,), (again,), (other,) = drawn(cell), drawn(cell), drawn(cell, seed=1)
    assert torch.equal(first.zone_h, again.zone_h)
    assert not torch.equal(first.zone_h, other.zone_h)
    assert not torch.equal(first.zone_h[..., :8], first.zone_c[..., :8])


def test_tensors_without_memory_get_masks_without_memory():
    with FakeTensorMode():
        (masks,) = draw_masks(Cell("GRU", zoneout=(0.3, 0.3)), 5, 3, 4, 4, torch.zeros(2))
        assert masks.zone_h.shape == (5, 3, 4)
