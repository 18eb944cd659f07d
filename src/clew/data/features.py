"""What a recurrent network reads of a sound: the logarithms of its mel energies, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clew.data.resample import Samples
from clew.errors import InputError, need

Frames: TypeAlias = NDArray[np.float32]  # (T, M)

_FULL = 32768.0  # the library's frames are defined for samples of 16 bits
_PIECE = 1 << 16  # samples given to the library at once


@dataclass(frozen=True)
class Mel:
    """How sound becomes frames; raises InputError for settings that cannot be.

    rate: samples a second. bins: M, mel bands. window, hop: milliseconds a frame spans, and from
    one to the next. lowest, highest: Hz; highest 0 is the Nyquist rate. floor: the least value, in
    nats over one step of 16 bits squared; it keeps digital silence near to what a quiet room gives.
    """

    rate: int = 16_000
    bins: int = 40
    window: float = 25.0
    hop: float = 10.0
    lowest: float = 20.0
    highest: float = 0.0
    floor: float = 0.0

    def __post_init__(self) -> None:
        top = self.highest or self.rate / 2
        for name, good, expected in (
            ("rate", self.rate > 0, "samples a second"),
            ("hop", 0 < self.hop <= self.window, "more than 0 ms, at most the window"),
            ("window", 2 <= self.window_samples <= self.rate, "2 samples to 1 s"),
            ("hop", self.hop_samples >= 1, "at least one sample"),
            ("highest", top <= self.rate / 2, f"at most half the rate, {self.rate / 2:g} Hz"),
            ("lowest", 0 <= self.lowest < top, f"from 0 to below {top:g} Hz"),
            ("bins", 3 <= self.bins <= 256, "a whole number from 3 to 256"),
        ):
            if not good:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}", where=name, expected=expected
                )

    @property
    def window_samples(self) -> int:
        """Samples a frame is made of."""
        return _whole_samples(self.rate, self.window)

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return _whole_samples(self.rate, self.hop)

    def frames(self, samples: int) -> int:
        """How many frames so many samples give: those that lie in them as a whole."""
        return max(0, 1 + (samples - self.window_samples) // self.hop_samples)

    def seconds(self, frame: float) -> float:
        """When frame number `frame` begins."""
        return frame * self.hop_samples / self.rate


class MelReader:
    """Reads samples chunk by chunk and gives the frames they complete, bit for bit as all at once.

    frame[t, m] = ln sum_k W[m, k] |DFT(w e_t)[k]|^2, where e_t are the `window` samples from t hops
    on, without their mean and pre-emphasised (0.97), w is Povey's window and W are triangles of
    equal width in mel, 1127 ln(1 + f / 700) (Davis & Mermelstein 1980; computed by
    kaldi-native-fbank, without dither).
    """

    def __init__(self, mel: Mel) -> None:
        self._mel = mel
        self._library = need("kaldi_native_fbank", extra="transcribe")
        self._options = _options(self._library, mel)
        self.reset()

    def reset(self) -> None:
        """Forget what was read."""
        self._kept = np.empty(0, dtype=np.float32)

    @property
    def state(self) -> Samples:
        """What is carried, a copy: the samples (n,) that frames to come still need."""
        return self._kept.copy()

    @state.setter
    def state(self, state: Samples) -> None:
        kept = np.array(state, dtype=np.float32)
        if kept.ndim != 1 or len(kept) >= self._mel.window_samples or not np.isfinite(kept).all():
            raise InputError("not the state of this reader", where="state")
        self._kept = kept

    def push(self, samples: Samples) -> Frames:
        """Reads samples (N,), full scale 1, and gives the frames (T, M) that are now whole."""
        kept = np.concatenate([self._kept, np.asarray(samples, dtype=np.float32)])
        count = self._mel.frames(len(kept))
        self._kept = kept[count * self._mel.hop_samples :]
        frames = np.empty((count, self._mel.bins), dtype=np.float32)
        if count:
            # A frame is made of its own samples alone, so that a new machine gives the same bits.
            machine = self._library.OnlineFbank(self._options)
            for number, row in enumerate(self._rows(machine, kept)):
                frames[number] = row
        return np.maximum(frames, np.float32(self._mel.floor))

    def _rows(self, machine: Any, samples: Samples) -> Iterator[Any]:
        done = 0
        for start in range(0, len(samples), _PIECE):
            piece = samples[start : start + _PIECE] * np.float32(_FULL)
            machine.accept_waveform(float(self._mel.rate), piece)
            ready = machine.num_frames_ready
            yield from map(machine.get_frame, range(done, ready))
            machine.pop(ready - done)
            done = ready


def log_mel(samples: Samples, mel: Mel) -> Frames:
    """The frames (T, M) of a whole sound; none if it is shorter than one window."""
    return MelReader(mel).push(samples)


class Stacker:
    """Puts `n` frames side by side, chunk by chunk: (T, M) becomes (T // n, n M).

    What is left at the end, fewer than `n` frames, is filled up with `pad` by `finish`.
    """

    def __init__(self, n: int, width: int) -> None:
        self._n, self._width = n, width
        self.reset()

    def reset(self) -> None:
        """Forget what was read."""
        self._kept = np.empty((0, self._width), dtype=np.float32)

    @property
    def state(self) -> Frames:
        """What is carried, a copy: fewer than `n` frames."""
        return self._kept.copy()

    @state.setter
    def state(self, state: Frames) -> None:
        kept = np.array(state, dtype=np.float32)
        if kept.ndim != 2 or len(kept) >= self._n or kept.shape[1] != self._width:
            raise InputError("not the state of this stacker", where="state")
        self._kept = kept

    def push(self, frames: Frames) -> Frames:
        """Reads frames (T, M) and gives those (t, n M) that are now whole."""
        kept = np.concatenate([self._kept, frames])
        whole = len(kept) // self._n
        self._kept = kept[whole * self._n :]
        return kept[: whole * self._n].reshape(whole, self._n * self._width)

    def finish(self, pad: float = 0.0) -> Frames:
        """The last frames (0 or 1, n M), filled up with `pad`; then it is as at the beginning."""
        missing = -len(self._kept) % self._n
        last = self.push(np.full((missing, self._width), pad, dtype=np.float32))
        self.reset()
        return last


def stacked(frames: Frames, n: int, pad: float = 0.0) -> Frames:
    """`n` frames (T, M) side by side, (ceil(T / n), n M); the last filled up with `pad`."""
    stacker = Stacker(n, frames.shape[1])
    return np.concatenate([stacker.push(frames), stacker.finish(pad)])


def _whole_samples(rate: int, milliseconds: float) -> int:
    # In single precision, as the library reckons: it must not see another number of frames.
    return int(np.float32(rate) * np.float32(0.001) * np.float32(milliseconds))


def _options(library: Any, mel: Mel) -> Any:
    options = library.FbankOptions()
    options.frame_opts.samp_freq = float(mel.rate)
    options.frame_opts.frame_length_ms = mel.window
    options.frame_opts.frame_shift_ms = mel.hop
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = mel.bins
    options.mel_opts.low_freq = mel.lowest
    options.mel_opts.high_freq = mel.highest
    options.use_energy = False
    return options
