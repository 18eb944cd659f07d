"""``clew generate``: text from a language model, tunes from a composer."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any

import typer

from clew.cli import say
from clew.cli.generate_tune import compose_at_the_command_line
from clew.cli.options import Grouped
from clew.errors import InputError


def register(app: typer.Typer) -> None:
    """Add ``clew generate`` to `app`."""
    app.command(cls=Grouped)(generate)


def generate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a model that writes.")],
    prompt: Annotated[
        str, typer.Option(help="Text to go on from; a tune, or a file of one.", show_default=False)
    ] = "",
    length: Annotated[
        int | None,
        typer.Option(help="Pieces to write (characters, words...). [200]", show_default=False),
    ] = None,
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
    key: Annotated[
        str | None,
        typer.Option(help="Key of a tune: G, Ador, Bb. [as learned]"),
    ] = None,
    metre: Annotated[
        str | None, typer.Option(help="Metre of a tune: 6/8, 4/4. [as learned]")
    ] = None,
    bars: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Bars of a tune. [as it comes]"),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", help="Tunes to write. [1]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write to .abc, .mid, .wav, .png or .svg. [the terminal]",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a language model go on from a prompt, or a composer write a tune.

    Examples:

      clew generate book.model --prompt "The " --length 400 --temperature 0.8

      clew generate book.model --prompt "Chapter 1" --stop "Chapter 2" --seed 7

      clew generate tunes.model --key G --metre 6/8 --bars 16 --out jig.mid
    """
    from clew import load

    writer = load(model)
    if hasattr(writer, "compose"):
        _refuse("composer", length=length, top_k=top_k, stop=stop)
        compose_at_the_command_line(
            writer, key=key, metre=metre, bars=bars, temperature=temperature, top_p=top_p,
            seed=seed, prompt=prompt, count=1 if count is None else count, out=out, json=json,
        )  # fmt: skip
        return
    if not hasattr(writer, "generate"):
        raise InputError(
            "this model does not write text",
            where=str(model),
            expected="a language model or a composer",
            hint=f"clew predict {model}",
        )
    _refuse("language model", key=key, metre=metre, bars=bars, count=count, out=out)
    pieces = writer.generate_stream(
        prompt,
        length=200 if length is None else length,
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


def _refuse(kind: str, **options: Any) -> None:
    """Raise InputError for an option that such a model has no use for."""
    for name, value in options.items():
        if value is not None:
            raise InputError(
                f"a {kind} has no use for this", where=f"--{name.replace('_', '-')}",
                hint="leave the option out",
            )  # fmt: skip
