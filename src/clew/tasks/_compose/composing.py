"""What is asked of a composer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clew.errors import InputError
from clew.tasks._draw import Draw, check_whole

MOST = 512  # bars of a tune, at most


@dataclass(frozen=True)
class Request:
    """What a composer is asked for; raises InputError for values that mean nothing."""

    key: str | None = None
    metre: str | None = None
    bars: int | None = None
    temperature: float = 1.0
    top_p: float | None = None
    seed: int | None = None
    prompt: Any = None
    n: int = 1

    def __post_init__(self) -> None:
        Draw(self.temperature, None, self.top_p, self.seed)
        check_whole("n", self.n, 1)
        if self.bars is not None:
            check_whole("bars", self.bars, 1)
            if self.bars > MOST:
                raise InputError(
                    f"bars must not be {self.bars}", where="bars", expected=f"at most {MOST}"
                )
        for name in ("key", "metre"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InputError(f"{name} is a {type(value).__name__}", where=name, expected="text")

    @property
    def draw(self) -> Draw:
        """How tokens are chosen."""
        return Draw(self.temperature, None, self.top_p, self.seed)
