"""A composer of MIDI at work: an opening and a request become events, and these notes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import torch

from clew.data.midi import read_midi
from clew.data.notes import Notes
from clew.errors import InputError
from clew.tasks._compose.composing import Request
from clew.tasks._compose.composition import Composition
from clew.tasks._compose.event_keeper import EventKeeper
from clew.tasks._compose.heads import Heads, drawn, heads
from clew.tasks._compose.midi_tokens import METRE, notes_of, opened
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.remembering import Memory
from clew.tasks._compose.vocabulary import END, Vocabulary
from clew.tasks._compose.writing import Pen, bars_token, numbers, write
from clew.tasks._draw import generator


class MidiComposing:
    """A network of events at work."""

    def __init__(self, network: TuneNetwork, vocabulary: Vocabulary) -> None:
        self._network, self._vocabulary = network, vocabulary
        self._memory = Memory(network, vocabulary)

    def compose(self, request: Request) -> Iterator[Composition]:
        """The pieces that are asked for."""
        chance = generator(request.seed)
        for _ in range(request.n):
            metre, prompt, drawn = self._begun(request, chance)
            found = [*prompt, *drawn]
            events = [self._vocabulary.tokens[token] for token in found if token != END]
            yield Composition(None, notes_of(metre, events), self._memory.recall(found))

    def writing(self, request: Request) -> Iterator[str]:
        """The events of one piece after the prompt, as they come."""
        _, _, drawn = self._begun(request, generator(request.seed))
        return (self._vocabulary.tokens[token] for token in drawn if token != END)

    def _begun(
        self, request: Request, chance: torch.Generator
    ) -> tuple[str, list[int], Iterator[int]]:
        """The metre, the prompt's tokens, and those that follow it."""
        if request.key is not None:
            raise InputError(
                "a composer of MIDI knows no keys", where="key", expected="none, or a prompt in it"
            )
        metre, prompt = self._opened(request, chance)
        pen = Pen(self._network)
        pen.read(self._vocabulary.number(METRE + metre))
        told, bars = bars_token(pen, self._vocabulary, request.bars, request.draw, chance)
        pen.read(told)
        keeper = EventKeeper(self._vocabulary.tokens, metre=metre, bars=bars, end=END)
        return metre, prompt, write(pen, keeper, prompt, request.draw, chance)

    @cached_property
    def _heads(self) -> Heads:
        """How many of the pieces learned from have each metre."""
        return heads(self._network, self._vocabulary, (METRE,))

    def _opened(self, request: Request, chance: torch.Generator) -> tuple[str, list[int]]:
        """The metre, drawn where neither it nor a prompt is given, and the tokens of the prompt."""
        metres, opening = self._vocabulary.headed("M"), request.prompt
        metre = request.metre or metres[0]
        prompt: list[int] = []
        if isinstance(opening, str | Path) and str(opening):
            opening = read_midi(opening)
        if opening is not None and opening != "":
            if not isinstance(opening, Notes):
                raise InputError(
                    f"the prompt is a {type(opening).__name__}", where="prompt",
                    expected="the Path of a MIDI file, or Notes",
                )  # fmt: skip
            found, events = opened(opening)
            if request.metre is not None and found != metre:
                raise InputError(
                    f"the prompt has the metre {found}, and {metre} is asked for", where="prompt",
                    expected="the same, or no metre",
                )  # fmt: skip
            metre, prompt = found, numbers(events, events, self._vocabulary)
        elif request.metre is None:
            (metre,) = drawn(self._heads, lambda _: True, request.draw, chance) or (metre,)
        if metre not in metres:
            raise InputError(
                f"no piece in {metre} was learned from", where="metre", expected=", ".join(metres)
            )
        return metre, prompt
