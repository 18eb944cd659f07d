"""A composer of ABC at work: an opening and a request become tokens, and these a tune."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from clew.data.abc import Tune, parse
from clew.data.files import decoded, existing
from clew.errors import InputError
from clew.tasks._compose import abc_tokens
from clew.tasks._compose.abc_tokens import UNIT, Frame
from clew.tasks._compose.composing import Request
from clew.tasks._compose.composition import Composition
from clew.tasks._compose.heads import Heads, drawn, heads
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.remembering import Memory
from clew.tasks._compose.tune_keeper import TuneKeeper
from clew.tasks._compose.vocabulary import END, Vocabulary
from clew.tasks._compose.writing import Pen, bars_token, numbers, write
from clew.tasks._draw import Draw, generator

_LIKELIEST = Draw(temperature=0)


class AbcComposing:
    """A network of tunes in ABC at work; `common`: it learned them in one key for all."""

    def __init__(self, network: TuneNetwork, vocabulary: Vocabulary, common: bool) -> None:
        self._network, self._vocabulary, self._common = network, vocabulary, common

    @cached_property
    def keepers(self) -> dict[tuple[str, int], TuneKeeper]:
        """What keeps the bars, by metre and number of bars; made when it is needed."""
        return {}

    @cached_property
    def _heads(self) -> Heads:
        """How many of the tunes learned from have each metre and key."""
        return heads(self._network, self._vocabulary, (abc_tokens.METRE, abc_tokens.KEY))

    @cached_property
    def _memory(self) -> Memory:
        return Memory(self._network, self._vocabulary)

    def compose(self, request: Request) -> Iterator[Composition]:
        """The tunes that are asked for."""
        chance = generator(request.seed)
        for number in range(1, request.n + 1):
            frame, prompt, drawn = self._begun(request, chance)
            found = [*prompt, *drawn]
            tokens = [self._vocabulary.tokens[token] for token in found if token != END]
            tune = frame.tune(tokens, title=f"Composed {number}", number=number)
            yield Composition(tune, None, self._memory.recall(found))

    def writing(self, request: Request) -> Iterator[str]:
        """The tokens of one tune after the prompt, as they come, in the key that is asked for."""
        frame, _, drawn = self._begun(request, generator(request.seed))
        spelt = frame.spelling()
        for token in drawn:
            if token != END:
                yield spelt(self._vocabulary.tokens[token])

    def _begun(
        self, request: Request, chance: torch.Generator
    ) -> tuple[Frame, list[int], Iterator[int]]:
        """The frame, the prompt's tokens, and those that follow it."""
        frame, prompt = self._opened(request, chance)
        pen = Pen(self._network)
        for token in frame.head():
            pen.read(self._vocabulary.number(token))
        how = request.draw
        told, bars = bars_token(pen, self._vocabulary, request.bars, how, chance)
        pen.read(told)
        keeper = self._keeper(frame.metre, bars)
        return frame, prompt, write(pen, keeper, prompt, how, chance)

    def _opened(self, request: Request, chance: torch.Generator) -> tuple[Frame, list[int]]:
        """The metre and the key, and the tokens of the prompt."""
        key, metre, opening = request.key, request.metre, request.prompt
        if opening is None or (isinstance(opening, str) and not opening.strip()):
            return self._framed(metre, key, request.draw, chance), []
        usual = self._framed(metre, key, _LIKELIEST, chance)
        if isinstance(opening, str | Path):
            where = "prompt" if isinstance(opening, str) else str(opening)
            text = opening if isinstance(opening, str) else "".join(decoded(existing(opening)))
            opening = parse(text, where=where, metre=usual.metre, key=usual.key, unit=UNIT)
        if not isinstance(opening, Tune):
            raise InputError(
                f"the prompt is a {type(opening).__name__}", where="prompt",
                expected="ABC as text, the Path of a file, or a Tune",
            )  # fmt: skip
        if opening.metre_text == "none" and opening.field("M") is None:  # it says nothing of it
            usual = self._framed(metre, key or opening.key, _LIKELIEST, chance)
            opening = replace(opening, metre_text=usual.metre)
        frame = self._framed(metre or opening.metre_text, key or opening.key, request.draw, chance)
        for name, asked, found in (
            ("metre", frame.metre, opening.metre_text), ("key", frame.key, opening.key)
        ):  # fmt: skip
            if asked != found:
                raise InputError(
                    f"the prompt has the {name} {found}, and {asked} is asked for", where="prompt",
                    expected=f"the same, or no {name}",
                )  # fmt: skip
        shown = abc_tokens.body(opening, 0)
        return frame, numbers(abc_tokens.body(opening, frame.shift), shown, self._vocabulary)

    def _framed(
        self, metre: str | None, key: str | None, how: Draw, chance: torch.Generator
    ) -> Frame:
        """The frame that is asked for; what is left open is drawn as the tunes learned have it."""
        found = abc_tokens.frame(self._vocabulary, metre, key, self._common)
        if metre is not None and key is not None:
            return found

        def fits(its_metre: str, its_key: str) -> bool:
            if its_metre == "none" or (metre is not None and its_metre != found.metre):
                return False
            return key is None or its_key == found.like

        head = drawn(self._heads, fits, how, chance)
        if head is None:  # a key that only tunes in free metre have
            return found
        return abc_tokens.frame(self._vocabulary, head[0], key or head[1], self._common)

    def _keeper(self, metre: str, bars: int) -> TuneKeeper:
        if (metre, bars) not in self.keepers:
            self.keepers[metre, bars] = TuneKeeper(
                self._vocabulary.tokens, metre=metre, unit=UNIT, end=END, bars=bars
            )
        return self.keepers[metre, bars]
