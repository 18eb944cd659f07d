"""Log-mel frames against the formula in NumPy, and in any chunks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.data.features import Mel, MelReader, Stacker, log_mel, stacked
from clew.data.resample import Samples
from clew.errors import InputError


def _noise(count: int, seed: int = 0) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def _plain(samples: Samples, mel: Mel) -> np.ndarray[Any, Any]:
    """The formula, frame by frame in double precision."""
    size, hop = mel.rate * int(mel.window) // 1000, mel.rate * int(mel.hop) // 1000
    fft = 1 << (size - 1).bit_length()
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / (size - 1))) ** 0.85

    def pitch(f: Any) -> Any:
        return 1127 * np.log(1 + f / 700)

    highest = mel.highest or mel.rate / 2
    edges = np.linspace(pitch(mel.lowest), pitch(highest), mel.bins + 2)
    places = pitch(np.arange(fft // 2) * mel.rate / fft)
    rise = (places - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - places) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rise, fall))
    rows = []
    for begin in range(0, len(samples) - size + 1, hop):
        e = samples[begin : begin + size].astype(np.float64) * 32768
        e -= e.mean()
        e -= 0.97 * np.concatenate([e[:1], e[:-1]])
        power = np.abs(np.fft.rfft(e * window, fft)[: fft // 2]) ** 2
        rows.append(np.log(np.maximum(triangles @ power, 1.0)))
    return np.array(rows)


@pytest.mark.parametrize(
    "mel",
    [Mel(), Mel(rate=8000, bins=24), Mel(rate=8000, bins=30, lowest=60, highest=3400, window=20)],
)
def test_frames_are_those_of_the_formula(mel: Mel) -> None:
    samples = _noise(mel.rate // 2)
    samples[: mel.rate // 8] = 0.0
    found = log_mel(samples, mel)
    assert found.dtype == np.float32
    assert len(found) == mel.frames(len(samples))
    assert (found[0] == mel.floor).all()  # digital silence
    np.testing.assert_allclose(found, _plain(samples, mel), atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(
    chunks=st.lists(st.integers(0, 900), max_size=8), left=st.integers(0, 400), save=st.booleans()
)
def test_chunks_give_the_bits_of_the_whole(chunks: list[int], left: int, save: bool) -> None:
    mel = Mel(rate=8000, bins=20)
    samples = _noise(sum(chunks) + left)
    reader, parts, begin = MelReader(mel), [], 0
    for size in [*chunks, left]:
        parts.append(reader.push(samples[begin : begin + size]))
        begin += size
        if save:
            state, reader = reader.state, MelReader(mel)
            reader.state = state
        assert sum(map(len, parts)) == mel.frames(begin)  # every frame comes with its last sample
    assert np.array_equal(np.concatenate(parts), log_mel(samples, mel))


def test_a_long_sound_in_one_piece() -> None:
    mel = Mel(rate=8000, bins=10)
    samples = _noise(150_000)
    reader = MelReader(mel)
    parts = [reader.push(samples[i : i + 640]) for i in range(0, len(samples), 640)]
    assert np.array_equal(log_mel(samples, mel), np.concatenate(parts))


@pytest.mark.parametrize("rate", [8000, 11025, 12345, 22050, 44100])
@pytest.mark.parametrize(("window", "hop"), [(25, 10), (25.3, 9.99), (32, 12.5)])
def test_the_number_of_frames(rate: int, window: float, hop: float) -> None:
    mel = Mel(rate=rate, window=window, hop=hop, bins=5)
    ends = [mel.window_samples + k * mel.hop_samples for k in (0, 1, 7)]
    for samples in [0, 1, *ends, *(end - 1 for end in ends), *(end + 1 for end in ends)]:
        assert len(log_mel(np.zeros(samples, np.float32), mel)) == mel.frames(samples)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("bins", {"bins": 2}),
        ("bins", {"bins": 257}),
        ("highest", {"highest": 9000}),
        ("lowest", {"lowest": 5000, "rate": 8000}),
        ("lowest", {"lowest": -1}),
        ("hop", {"hop": 0}),
        ("hop", {"hop": 26}),
        ("window", {"window": 2000, "hop": 10}),
    ],
)
def test_settings_that_cannot_be(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"^{name} is") as caught:
        Mel(**settings)
    assert caught.value.where == name


@pytest.mark.parametrize(
    "state", [np.zeros((2, 2)), np.zeros(400), np.array([np.nan])], ids=["shape", "long", "nan"]
)
def test_a_state_of_something_else(state: Any) -> None:
    with pytest.raises(InputError, match="not the state"):
        MelReader(Mel()).state = state


@given(sizes=st.lists(st.integers(0, 7), max_size=6), n=st.integers(1, 4), width=st.integers(1, 3))
def test_stacking_in_chunks(sizes: list[int], n: int, width: int) -> None:
    frames = np.random.default_rng(0).standard_normal((sum(sizes), width)).astype(np.float32)
    padded = np.concatenate([frames, np.full((-len(frames) % n, width), 7, np.float32)])
    expected = [padded[i : i + n].ravel() for i in range(0, len(padded), n)]
    stacker, parts, begin = Stacker(n, width), [], 0
    for size in sizes:
        parts.append(stacker.push(frames[begin : begin + size]))
        begin += size
        state, stacker = stacker.state, Stacker(n, width)
        stacker.state = state
    found = np.concatenate([*parts, stacker.finish(pad=7)])
    assert found.shape == (len(expected), n * width)
    assert found.tolist() == [row.tolist() for row in expected]
    assert np.array_equal(stacked(frames, n, 7), found)


def test_a_state_of_another_stacker() -> None:
    stacker = Stacker(2, 3)
    for state in (np.zeros((2, 3)), np.zeros((1, 2)), np.zeros(3)):
        with pytest.raises(InputError, match="not the state"):
            stacker.state = state.astype(np.float32)
