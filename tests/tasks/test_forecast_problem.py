"""Training of forecasters: which steps are read, their loss, and what is held out."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.tasks._forecast import problem as module
from clew.tasks._forecast.blocks import STEPS, Blocks, Listed
from clew.tasks._forecast.calibration import calibrate, temper
from clew.tasks._forecast.decoding import direct, from_origin, standing
from clew.tasks._forecast.likelihoods import Quantiles
from clew.tasks._forecast.net import ForecastNetwork
from clew.tasks._forecast.problem import ForecastProblem, Part, survey, truth_of
from clew.tasks._forecast.scaling import INPUTS, Scaling

HORIZON = 3
LEVELS, USUAL = (0.1, 0.5, 0.8), (-1.2, 0.0, 0.9)


def listed(lengths, seed=0, gaps=True):
    draw = np.random.default_rng(seed)
    ys = [5 + draw.standard_normal(n).cumsum() for n in lengths]
    if gaps:
        for y in ys:
            y[draw.random(len(y)) < 0.1] = np.nan
    known = [draw.standard_normal((n + HORIZON, 2)).astype(np.float32) for n in lengths]
    past = [draw.standard_normal((n, 1)).astype(np.float32) for n in lengths]
    return Listed(ys, known, past)


def network(members=1, cell="lstm"):
    torch.manual_seed(0)
    net = ForecastNetwork(
        INPUTS + 3, 2, HORIZON, Quantiles(LEVELS, USUAL), members=members, hidden_size=4,
        num_layers=1, cell=cell, dropout=0.0,
    )  # fmt: skip
    for parameter in net.parameters():  # also what begins with zeros
        torch.nn.init.normal_(parameter, std=0.3)
    net.spread.copy_(torch.tensor([1.0, 1.5, 2.0]))
    return net.eval()


def posed(lengths, held=6, **changes):
    histories = listed(lengths)
    blocks = Blocks(histories, Scaling(2, "last", prior=0.1), HORIZON)
    whole = np.array(lengths)
    cut = whole - held
    given = {"batch_size": 2, "window": 5, "seed": 3, **changes}
    return ForecastProblem(
        network(), blocks, Part(0 * whole, cut), blocks, Part(cut, whole), **given
    )


def test_a_window_has_the_loss_of_all_its_steps_ahead_one_by_one():
    posing = posed([20, 9])
    net, blocks = posing.network, posing.blocks
    item = module.Window(np.array([0, 1]), np.array([0, 0]), np.array([12, 3]), True)
    with torch.no_grad():
        loss, count, _ = posing.loss(item, None)
    total, cells = 0.0, 0
    for series, stop in ((0, 12), (1, 3)):
        y = blocks.histories.y(series, 0, 99)
        ready = blocks.ready(series, 0, stop)
        for t in range(stop):
            [seen] = survey(net, blocks, {series: np.array([t])})
            for k in range(HORIZON):
                there = t + 1 + k < posing.learned.stop[series] and not np.isnan(y[t + 1 + k])
                if not ready[t] or not there:
                    continue
                z = (y[t + 1 + k] - seen.base[0, k]) / seen.unit[0, k]
                q = net.likelihood.z(seen.out[0, k]).numpy()
                total += 2 * np.mean([max(a * (z - v), (a - 1) * (z - v))
                                      for a, v in zip(LEVELS, q, strict=True)])  # fmt: skip
                cells += 1
    assert cells == count > 20
    assert np.isclose(float(loss), total, rtol=1e-4)


@settings(max_examples=8, deadline=None)
@given(
    lengths=st.lists(st.integers(9, 200), min_size=1, max_size=5),
    window=st.integers(1, 9), epoch=st.integers(0, 3), world=st.integers(1, 2),
)  # fmt: skip
def test_every_step_is_read_as_often_as_every_other_and_none_that_is_held_out(
    lengths, window, epoch, world
):
    posing = posed(lengths, window=window)
    plans = [posing.plan(epoch, rank, world) for rank in range(world)]
    assert len({len(plan) for plan in plans}) == 1
    assert len(plans[0]) >= module.LEAST
    read = [np.zeros(n, int) for n in lengths]
    for plan in plans:
        ends = {}
        for item in plan:
            if item is None:
                continue
            for row, (series, start, stop) in enumerate(zip(*item[:3], strict=True)):
                if not item.fresh and stop > start:
                    assert ends[row] == (series, start)  # it goes on where it stood
                ends[row] = (series, stop)
                read[series][start:stop] += 1
    for item, again in zip(plans[0], posing.plan(epoch, 0, world), strict=True):
        assert (item is None) == (again is None)
        assert item is None or np.array_equal(item.start, again.start)
    often = max(times.max() for times in read)
    for times, stop in zip(read, posing.learned.stop, strict=True):
        assert (times[max(stop - 1, 0) :] == 0).all()  # its value is the last that is learned
        begun = times[: max(stop - 1, 0)]
        assert (begun[stop // 2 :] == often).all()


def test_windows_with_the_state_carried_are_the_series_read_at_once():
    posing = posed([300], window=7)
    net, blocks = posing.network, posing.blocks
    origins = np.arange(0, 290, 13)
    module_read, module.READ = module.READ, 11
    try:
        apart = torch.cat([seen.out for seen in survey(net, blocks, {0: origins})])
    finally:
        module.READ = module_read
    whole = torch.cat([seen.out for seen in survey(net, blocks, {0: origins})])
    assert torch.allclose(apart, whole, atol=1e-5)


def test_from_where_a_series_stands_is_what_is_said_there():
    posing = posed([40, 30])
    net, blocks = posing.network, posing.blocks
    origins = {0: np.array([5, 20, 33]), 1: np.array([29])}
    said = dict(direct(net, blocks, origins, (0.2, 0.5)))
    for series, step, origin in standing(net, blocks, origins):
        known = blocks.histories.known(series, step + 1, step + 1 + HORIZON)[None]
        here = from_origin(net, blocks.scaling, origin, known, (0.2, 0.5))[0]
        place = origins[series].tolist().index(step)
        assert np.allclose(here, said[series][place], rtol=1e-5, atol=1e-5)


def test_long_series_are_read_block_by_block():
    length = 2 * STEPS + 100
    blocks = Blocks(listed([length]), Scaling(3, "trend"), HORIZON)
    y = blocks.histories.y(0, 0, length)[:, None]
    reading, end = blocks.scaling.read(y, blocks.scaling.begin())
    origins = np.array([STEPS - 3, STEPS - 1, STEPS, 2 * STEPS + 1])
    span = blocks.span(0, STEPS - 5, 2 * STEPS + 5, origins)
    ahead = blocks.scaling.ahead(reading, origins, HORIZON)
    assert np.allclose(span.base, ahead.base[:, 0], rtol=1e-9)
    assert np.allclose(span.leads, ahead.leads[:, 0], atol=1e-5)
    assert np.allclose(span.x[:, :INPUTS], reading.inputs[STEPS - 5 : 2 * STEPS + 5, 0], atol=1e-5)
    assert np.array_equal(span.known, blocks.histories.known(0, 0, length + 3)[
        origins[:, None] + np.arange(1, HORIZON + 1)])  # fmt: skip
    for ours, theirs in zip(blocks.track(0, length), end, strict=True):
        assert np.allclose(ours, theirs, equal_nan=True)
    once = Blocks(blocks.histories, blocks.scaling, HORIZON, kept=0)
    for ours, theirs in zip(once.span(0, STEPS - 5, 2 * STEPS + 5, origins), span, strict=True):
        assert np.array_equal(ours, theirs)
    assert len(once._blocks) == 1


def test_truth_is_what_came_within_the_part():
    blocks = Blocks(listed([12], gaps=False), Scaling(1, "last"), HORIZON)
    y = blocks.histories.y(0, 0, 12)
    found = truth_of(blocks, 0, np.array([2, 6, 10]), 4, 11)
    expected = [[np.nan, y[4], y[5]], [y[7], y[8], y[9]], [np.nan] * 3]
    assert np.array_equal(found, expected, equal_nan=True)


def test_a_network_that_only_spoils_the_naive_forecast_is_not_heard():
    posing = posed([60], held=20)
    before = posing.evaluate().objective
    assert temper(posing) < 1.0  # its weights were drawn at random
    assert posing.evaluate().objective <= before
    for member in posing.network.members:
        for part in (member.out, member.line, member.straight):
            part.weight.data.zero_()
    assert temper(posing) == 0.0


def test_intervals_are_stretched_where_held_out_values_fall_outside():
    posing = posed([400], held=200)
    net = posing.network
    for member in net.members:
        for part in (member.out, member.line, member.straight):
            part.weight.data.zero_()
    wide = float(posing.network.spread.mean())
    net.spread.mul_(0.3)  # far too narrow
    calibrate(posing)
    assert wide > 0
    assert (net.factor > 1.5).all()
    assert 0 < float(net.linkage) < 1
