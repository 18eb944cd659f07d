"""What ``clew generate`` does with a composer: tunes, printed or written to a file."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Any

from clew.cli import say
from clew.errors import InputError


def compose_at_the_command_line(
    composer: Any,
    *,
    key: str | None = None,
    metre: str | None = None,
    bars: int | None = None,
    temperature: float = 1.0,
    top_p: float | None = None,
    seed: int | None = None,
    prompt: str = "",
    count: int = 1,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Let a composer write tunes: to the terminal, or to the file `out`, by its ending.

    prompt: an opening, or the name of a file that holds one. Of several tunes all stand in one .abc
    file; other files are numbered. What each shares with the tunes learned from is told on standard
    error.
    """
    from clew.tasks._compose.export import ENDINGS

    if out is not None and out.suffix.lower() not in ENDINGS:
        raise InputError(
            f"no notation ends in {out.suffix!r}" if out.suffix else "the name has no ending",
            where=f"--out {out}", expected=", ".join(ENDINGS),
        )  # fmt: skip
    if count < 1:
        raise InputError(
            f"--count {count}", where="--count", expected="a whole number of 1 or more"
        )
    found = composer.compose(
        key, metre, bars, temperature=temperature, top_p=top_p, seed=seed,
        prompt=_opening(prompt), n=count,
    )  # fmt: skip
    pieces = found if isinstance(found, list) else [found]
    if json:
        for piece in pieces:
            say.result(jsonlib.dumps({**piece.summary(), "seed": seed}, ensure_ascii=False))
    elif out is None:
        say.result("\n".join(str(piece) for piece in pieces), end="")
    for piece in pieces:
        say.note(piece.recalled())
    if out is not None:
        for path in _written(pieces, out):
            say.note(f"written: {path}")


def _opening(prompt: str) -> Any:
    """The prompt itself, or the file of that name."""
    path = Path(prompt)
    try:
        if not prompt or "\n" in prompt or not path.is_file():
            return prompt or None
    except OSError:  # too long for a name
        return prompt
    return path


def _written(pieces: list[Any], out: Path) -> list[Path]:
    if out.suffix.lower() == ".abc" and len(pieces) > 1:
        try:
            out.write_text("\n".join(str(piece) for piece in pieces), encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write: {error.strerror}", where=str(out)) from error
        return [out]
    names = [out]
    if len(pieces) > 1:
        names = [out.with_stem(f"{out.stem}-{number}") for number in range(1, len(pieces) + 1)]
    for piece, name in zip(pieces, names, strict=True):
        piece.save(name)
    return names
