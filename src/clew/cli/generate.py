"""``clew generate``: text from a language model, printed as it is written."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from clew.cli import say
from clew.cli.options import Grouped
from clew.errors import InputError


def register(app: typer.Typer) -> None:
    """Add ``clew generate`` to `app`."""
    app.command(cls=Grouped)(generate)


def generate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a language model.")],
    prompt: Annotated[str, typer.Option(help="Text to go on from.", show_default=False)] = "",
    length: Annotated[
        int, typer.Option(help="Pieces to write (characters, words...). [200]", show_default=False)
    ] = 200,
    temperature: Annotated[
        float,
        typer.Option(
            help="Below 1 careful, above 1 daring, 0 the likeliest. [1.0]", show_default=False
        ),
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Choose among the K likeliest only. [all]")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Choose among the likeliest that add up to P. [1.0]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed writes the same text. [none]")
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="End before this text would be written. [none]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a language model go on from a prompt.

    Examples:

      clew generate book.model --prompt "The " --length 400 --temperature 0.8

      clew generate book.model --prompt "Chapter 1" --stop "Chapter 2" --seed 7
    """
    from clew import load

    writer = load(model)
    if not hasattr(writer, "generate"):
        raise InputError(
            "this model does not write text",
            where=str(model),
            expected="a language model",
            hint=f"clew predict {model}",
        )
    pieces = writer.generate_stream(
        prompt,
        length=length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=stop,
    )
    if json:
        text = "".join(pieces)
        answer = {"prompt": prompt, "text": text, "seed": seed}
        say.result(jsonlib.dumps(answer, ensure_ascii=False))
        return
    say.result(prompt, end="", flush=True)
    for piece in pieces:
        say.result(piece, end="", flush=True)
    say.result()
