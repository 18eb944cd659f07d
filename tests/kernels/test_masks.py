"""The masks of recurrent dropout and zoneout: their values, how often, and what they cost."""

import pytest
import torch

from clew.kernels import Cell, draw_masks

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
