"""``clew fit compose``: learn to write tunes."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from clew.cli import say
from clew.cli.fits import (
    Data,
    Json,
    Out,
    Quiet,
    Resume,
    Test,
    Time,
    Validation,
    Watch,
    data_exists,
    finish,
    keep_work,
    out_folder,
    possible,
)
from clew.cli.options import Grouped, hyperparameters
from clew.cli.progress import reporter
from clew.cli.summary import Row, Summary, aligned, verdict


def register(group: typer.Typer) -> None:
    """Add the command to ``clew fit``."""
    by = dict.fromkeys(("epochs", "patience"), "by the notation")
    command = hyperparameters("compose", "Composer", without=("time",), chosen=by)(compose)
    group.command("compose", cls=Grouped)(command)


def compose(
    context: typer.Context,
    data: Data,
    out: Out = None,
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out tunes that cannot be read.")
    ] = False,
    validation: Validation = None,
    test: Test = None,
    resume: Resume = False,
    time: Time = None,
    watch: Watch = False,
    quiet: Quiet = False,
    json: Json = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Learn to write tunes.

    DATA is a file of tunes in ABC notation, a folder of .abc or of .mid files, or a JSON file of
    piano rolls {"train": [...], "valid": [...], "test": [...]}.

    Example: clew fit compose tunes.abc --out tunes.model --time 10m
    """
    data_exists(data, validation, test)
    target = out_folder(data, out, resume)
    from clew.tasks.compose import Composer

    model = possible(Composer(**settings, time=time))
    with_reporter = reporter(quiet=quiet, headline=str(data), watch=target if watch else None)
    keep_work(
        lambda: model.fit(
            data, validation=validation, errors="skip" if skip else "raise", out=target,
            resume=resume, report=with_reporter,
        ),
        with_reporter,
        context,
        target,
    )  # fmt: skip
    tested: dict[str, Any] | None = None
    if test is not None and say.is_main():
        tested = model.evaluate(test)
    finish(model, target, tested, COMPOSED, quiet=quiet, json=json)


COLUMNS = {
    "nats_per_step": "nats/step", "bits_per_token": "bits/token",
    "nats_per_character": "nats/char", "perplexity": "perplexity",
}  # fmt: skip


def _table(metrics: dict[str, Any], tested: dict[str, Any] | None) -> list[str]:
    score, held = metrics["score"], metrics["held_out"]
    keys = [name for name in COLUMNS if name in score]
    others = [metrics[k] for k in ("window", "baseline") if metrics[k]]
    named = [("this model", score)] + [(str(other["name"]), other) for other in others]
    if "unigram" in metrics["baseline"]:
        named.append(("counts of single tokens", metrics["baseline"]["unigram"]))
    if tested:
        named.append(("this model, on the test", tested))
    rows: list[Row] = [
        (name, [f"{of[key]:.3f}" if key in of else "" for key in keys]) for name, of in named
    ]
    lines = aligned("fewer is better", [COLUMNS[key] for key in keys], rows)
    tokens = held.get("tokens")
    counted = "" if tokens is None else f", {tokens:,} tokens"
    tunes = "1 tune" if held["tunes"] == 1 else f"{held['tunes']:,} tunes"
    lines.append(f"on {tunes} held out{counted}")
    if others:
        best = min(others, key=lambda other: float(other[keys[0]]))
        gain = best[keys[0]] - score[keys[0]]
        # A token's bits spread by some 3, and so do the nats of a step, of which a tune has many.
        noise = 3 / math.sqrt(tokens or 50 * held["tunes"])
        unit = "nats a step" if keys[0] == "nats_per_step" else "bits a token"
        lines += ["", *verdict(gain, noise, unit, str(best["name"]))]
    return lines


COMPOSED = Summary(
    _table,
    (
        "clew generate PLACE --bars 16 --seed 1",
        "clew generate PLACE --temperature 0.8 --out tune.mid",
    ),
)
