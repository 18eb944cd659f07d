"""A composer of ABC at work: an opening and a request become tokens, and these a tune."""

from __future__ import annotations

from collections.abc import Iterator
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
from clew.tasks._compose.net import TuneNetwork
from clew.tasks._compose.remembering import Memory
from clew.tasks._compose.tune_keeper import TuneKeeper
from clew.tasks._compose.vocabulary import END, Vocabulary
from clew.tasks._compose.writing import Pen, bars_token, numbers, write
from clew.tasks._draw import generator


class AbcComposing:
    """A network of tunes in ABC at work; `common`: it learned them in one key for all."""

    def __init__(self, network: TuneNetwork, vocabulary: Vocabulary, common: bool) -> None:
        self._network, self._vocabulary, self._common = network, vocabulary, common

    @cached_property
    def keepers(self) -> dict[tuple[str, int], TuneKeeper]:
        """What keeps the bars, by metre and number of bars; made when it is needed."""
        return {}

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
        frame, prompt = self._opened(request)
        pen = Pen(self._network)
        for token in frame.head():
            pen.read(self._vocabulary.number(token))
        how = request.draw
        told, bars = bars_token(pen, self._vocabulary, request.bars, how, chance)
        pen.read(told)
        keeper = self._keeper(frame.metre, bars)
        return frame, prompt, write(pen, keeper, prompt, how, chance)

    def _opened(self, request: Request) -> tuple[Frame, list[int]]:
        """The metre and the key, and the tokens of the prompt."""
        vocabulary, key, metre = self._vocabulary, request.key, request.metre
        opening = request.prompt
        if opening is None or (isinstance(opening, str) and not opening.strip()):
            return abc_tokens.frame(vocabulary, metre, key, self._common), []
        if isinstance(opening, str | Path):
            given = abc_tokens.frame(vocabulary, metre, key, self._common)
            where = "prompt" if isinstance(opening, str) else str(opening)
            text = opening if isinstance(opening, str) else "".join(decoded(existing(opening)))
            opening = parse(text, where=where, metre=given.metre, key=given.key)
        if not isinstance(opening, Tune):
            raise InputError(
                f"the prompt is a {type(opening).__name__}", where="prompt",
                expected="ABC as text, the Path of a file, or a Tune",
            )  # fmt: skip
        frame = abc_tokens.frame(
            vocabulary, metre or opening.metre_text, key or opening.key, self._common
        )
        for name, asked, found in (
            ("metre", frame.metre, opening.metre_text), ("key", frame.key, opening.key)
        ):  # fmt: skip
            if asked != found:
                raise InputError(
                    f"the prompt has the {name} {found}, and {asked} is asked for", where="prompt",
                    expected=f"the same, or no {name}",
                )  # fmt: skip
        shown = abc_tokens.body(opening, 0)
        return frame, numbers(abc_tokens.body(opening, frame.shift), shown, vocabulary)

    def _keeper(self, metre: str, bars: int) -> TuneKeeper:
        if (metre, bars) not in self.keepers:
            self.keepers[metre, bars] = TuneKeeper(
                self._vocabulary.tokens, metre=metre, unit=UNIT, end=END, bars=bars
            )
        return self.keepers[metre, bars]
