"""Writing while it is said: sound comes in chunk by chunk, what is heard is written at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.data.features import Frames, Mel, MelReader, Stacker
from clew.data.resample import Resampler, check_rate
from clew.data.sound import as_samples
from clew.errors import InputError
from clew.tasks._transcribe.net import Head, TranscriberNetwork
from clew.tasks._transcribe.transcript import Word, Written
from clew.tasks._transcribe.units import Units, writable


class LiveTranscript:
    """Listens to one speaker's endless sound and writes what is heard so far.

    Made by ``Transcriber.stream``. The weights are copied: they stay as they were when it was made.
    ``text`` is what was written, and whatever the chunks it is, to the letter, what ``transcribe``
    makes of all samples at once. It is some tens of milliseconds behind: a window of frames, and
    what fills a step.
    """

    def __init__(
        self, network: TranscriberNetwork, units: Units, mel: Mel, rate: int | None = None
    ) -> None:
        stack: Any = network.reader
        if stack.bidirectional:
            raise InputError(
                "stream of a transcriber that reads in both directions: it has to hear the end "
                "first",
                where="bidirectional",
                expected="one that was made with bidirectional=False (--no-bidirectional)",
                hint="transcribe(sound), or the name of a sound file, is heard as a whole",
            )
        self.rate = mel.rate if rate is None else check_rate(rate, "rate")
        self._resampler = Resampler(self.rate, mel.rate)
        self._reader = MelReader(mel)
        self._front = network.front()
        self._stacker = Stacker(network.together, mel.bins)
        self._layers = stack.stream()
        self._head = Head(network.output)
        self._written = Written(units, mel.seconds(network.together))

    def push(self, samples: Any) -> str:
        """Reads samples (N,), or (N, channels), any number of them; what they add to the text.

        Raises InputError for what are no samples, NaN and infinity; nothing is lost then.
        """
        if self._written.ended:
            self._written.reset()
        return self._hear(self._resampler.push(as_samples(samples)))

    def finish(self) -> str:
        """The sound has ended: what that adds to the text. What comes next begins anew."""
        before = len(self.text)
        self._hear(self._resampler.finish())
        self._read(self._stacker.finish())
        self._written.end()
        for part in (self._resampler, self._reader, self._stacker, self._layers):
            part.reset()
        return self.text[before:]

    @property
    def text(self) -> str:
        """All that was written."""
        return self._written.text

    @property
    def state(self) -> Any:
        """A copy of all that is carried: numbers, arrays and tuples of them."""
        return (self._resampler.state, self._reader.state, self._stacker.state,
                self._layers.state, self._written.state)  # fmt: skip

    @state.setter
    def state(self, state: Any) -> None:
        if not isinstance(state, tuple | list) or len(state) != 5:
            raise InputError(
                "not the state of this listener", where="state", expected="what .state gave"
            )
        before = self.state
        try:
            self._take(state)
        except (InputError, TypeError, ValueError, IndexError) as error:
            self._take(before)
            raise InputError(
                f"not the state of this listener: {error}",
                where="state",
                expected="what .state gave",
            ) from error

    def _take(self, state: Any) -> None:
        (self._resampler.state, self._reader.state, self._stacker.state,
         self._layers.state, self._written.state) = state  # fmt: skip

    def reset(self) -> None:
        """Forget everything, the text too."""
        for part in (self._resampler, self._reader, self._stacker, self._layers, self._written):
            part.reset()

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of the text and when each was heard."""
        return self._written.words

    def _hear(self, samples: Any) -> str:
        frames = self._front.normal(self._reader.push(samples))
        return self._read(self._stacker.push(frames))

    def _read(self, steps: Frames) -> str:
        before = len(self.text)
        if len(steps):
            found = np.stack([self._layers.push(step) for step in steps])  # (T, H)
            self._written.read(writable(self._head(found)))
        return self.text[before:]
