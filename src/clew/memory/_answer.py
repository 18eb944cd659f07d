"""How far back it looks, for who reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clew.memory.finding import Finding
from clew.memory.horizon import Horizon


@dataclass(frozen=True)
class Answer:
    """short: "8 characters". sure: its interval. plain: what it means.

    more: whether the horizon itself says more in its first sentence.
    """

    short: str
    sure: str
    plain: str
    more: bool = True


def answer(findings: Mapping[str, Finding]) -> Answer | None:
    """The answer that the horizon gives; None where there is none, or the data are all alike."""
    found = findings.get("horizon")
    if not isinstance(found, Horizon) or found.alike:
        return None
    one, many = found.element
    count, seen = found.horizon, found.seen
    sides = " on each side" if found.both_ways else ""
    where = f"on each side of the current {one}" if found.both_ways else "before the current one"
    what = f"{count} {one if count == 1 else many}"
    short = what + sides
    sure = f"95 % interval: {seen.at_least} to {seen.at_most}"
    plain = (
        f"With the {what} {where} it does as well as with all, up to {found.reach}; with fewer it "
        "does worse."
    )
    if found.open_ended:
        short = f"at least {short}"
        plain = (
            f"It needs all {what} {where} that it was given: with fewer it does worse. It may look "
            "back further than these data, or this reach, can show."
        )
    elif count == 0:
        others = f"the {many} {'on each side of' if found.both_ways else 'before'} it"
        plain = f"The current {one} alone is enough: {others} make it no better here."
    return Answer(short, sure, plain, more=count == 0 or found.open_ended)
