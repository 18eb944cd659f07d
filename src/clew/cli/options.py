"""The hyperparameters of an estimator as options of a command.

Names, types and defaults are read from the source of the estimator's constructor, without importing
it: help must answer before torch has loaded, and a default must be written in one place only.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

EMPTY: Mapping[str, str] = {}
TASKS = Path(__file__).resolve().parents[1] / "tasks"

# Where a hyperparameter stands in the help, and what it means. A parameter of an estimator without
# a line here fails a test.
GROUPS = TEXT, NETWORK, TRAINING, RUN = "Text", "Network", "Training", "Run"
MEANING: dict[str, tuple[str, str]] = {
    "unit": (TEXT, "What a text is cut into: char, word or bpe (byte pairs)."),
    "vocabulary_size": (TEXT, "Most pieces to know (word and bpe)."),
    "min_count": (TEXT, "How often a word must occur to be known."),
    "lowercase": (TEXT, "Read A as a."),
    "shared": (TEXT, "One vocabulary for sources and targets."),
    "unknown": (TEXT, "In place of unknown words: copy (from the source) or keep (<unk>)."),
    "max_length": (TEXT, "Most pieces that are read of a text (of a pair: else it is left out)."),
    "scaling": (NETWORK, "How the numbers of a series are scaled: standard or none."),
    "missing": (NETWORK, "Values that a series lacks: refuse, or mask (the mean, and marked)."),
    "notation": (TEXT, "What tunes are in: abc, midi, roll, or auto (by the files)."),
    "transpose": (TEXT, "Learn tunes of all keys as one: what is learned in one serves in all."),
    "notes": (NETWORK, "Notes of one step of a piano roll: in turn, or independent."),
    "cell": (NETWORK, "The arithmetic of one step: lstm, gru or rnn."),
    "embedding_size": (NETWORK, "Numbers that stand for one piece of text."),
    "character_size": (NETWORK, "Numbers that remember a word's letters, each way; 0: none."),
    "hidden_size": (NETWORK, "Numbers a layer remembers."),
    "num_layers": (NETWORK, "Layers, one above the other."),
    "bidirectional": (NETWORK, "Read from both ends."),
    "crf": (NETWORK, "Decide on all tags of a sentence together."),
    "pool": (NETWORK, "What of the sequence is read: last, mean, max or attention."),
    "input_feeding": (NETWORK, "Read what was decided a step before; slower to train."),
    "residual": (NETWORK, "Add what enters a layer to what leaves it."),
    "layer_norm": (NETWORK, "Normalise the gates (Ba et al. 2016)."),
    "tie": (NETWORK, "Use the embedding as the output layer too."),
    "init": (NETWORK, "First weights: torch, orthogonal or chrono."),
    "horizon": (NETWORK, "Steps to look ahead."),
    "decoding": (NETWORK, "All steps ahead at once, or one that is read again: direct, recursive."),
    "likelihood": (NETWORK, "What is said of a step: quantiles, student-t or negative-binomial."),
    "base": (NETWORK, "What is corrected: auto, mean, last, season, trend, ar, ari or arc."),
    "members": (NETWORK, "Networks that learn side by side; their mean is taken."),
    "dropout": (NETWORK, "Share of the values dropped between layers in training."),
    "embedding_dropout": (NETWORK, "Share of the embedding dropped in training."),
    "recurrent_dropout": (NETWORK, "Share of the memory hidden for a whole sequence in training."),
    "zoneout": (NETWORK, "Share of the memory left as it was at each step in training."),
    "label_smoothing": (TRAINING, "Probability spread over the other labels in training."),
    "teacher_forcing": (TRAINING, "Share of the truth the decoder reads at the end of training."),
    "word_dropout": (TRAINING, "Share of the words read as unknown in training."),
    "window": (TRAINING, "Steps the gradient goes back; the state is carried further."),
    "batch_size": (TRAINING, "Sequences read at once."),
    "epochs": (TRAINING, "Times the data is read."),
    "learning_rate": (TRAINING, "Highest learning rate."),
    "weight_decay": (TRAINING, "Decay of the weights (AdamW)."),
    "clip": (TRAINING, "Longest gradient; a longer one is shortened."),
    "warmup": (TRAINING, "Share of the steps in which the learning rate rises."),
    "final": (TRAINING, "Last learning rate, as a share of the highest."),
    "average": (TRAINING, "Decay of the running mean of the weights that is kept."),
    "patience": (TRAINING, "Stop after this many scores without a better one."),
    "metric": (TRAINING, "What decides which weights are kept: accuracy, f1 or auto."),
    "held_out": (TRAINING, "Share of the data kept from training, to score on."),
    "evaluate_every": (TRAINING, "Steps between two scores."),
    "baseline": (TRAINING, "Also score models without memory."),
    "sample_rate": (NETWORK, "Samples a second; files of another rate are resampled."),
    "bins": (NETWORK, "Mel bands of a frame of sound."),
    "stack": (NETWORK, "Frames of 10 ms that make one step."),
    "speed": (TRAINING, "Share by which sound is made faster or slower in training."),
    "volume": (TRAINING, "dB by which sound is made louder or softer in training."),
    "time_masks": (TRAINING, "Spans of time hidden in training."),
    "time_span": (TRAINING, "Longest of them, in frames of 10 ms."),
    "frequency_masks": (TRAINING, "Spans of mel bands hidden in training."),
    "frequency_span": (TRAINING, "Widest of them, in bands."),
    "seed": (RUN, "The same seed, data and thread count give the same weights."),
    "device": (RUN, "auto, cpu, cuda or mps."),
}


@dataclass(frozen=True)
class Parameter:
    """A constructor argument as its source states it: `type` is the annotation's text."""

    name: str
    type: str
    default: Any


def parameters(module: str, name: str) -> list[Parameter]:
    """Keyword arguments of class `name` in ``clew/tasks/<module>.py``, without importing it."""
    tree = ast.parse((TASKS / f"{module}.py").read_text(encoding="utf-8"))
    aliases = {
        target.id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    return [
                        Parameter(
                            arg.arg,
                            aliases.get(kind := ast.unparse(arg.annotation), kind)
                            if arg.annotation
                            else "str",
                            _literal(value),
                        )
                        for arg, value in zip(
                            item.args.kwonlyargs, item.args.kw_defaults, strict=True
                        )
                    ]
    raise AssertionError(f"clew/tasks/{module}.py has no class {name} with an __init__")


def _literal(node: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(node) if node is not None else None
    except ValueError:  # a named constant: shown by its name
        return ast.unparse(node) if node is not None else None


def _option_type(parameter: Parameter) -> Any:
    """The type typer converts to. Optional numbers stay text until `_number` has read them."""
    kind = parameter.type
    if kind.startswith("Literal["):
        return Literal[tuple(ast.literal_eval(f"({kind[8:-1]},)"))]
    return {"int": int, "float": float, "bool": bool}.get(kind, str)


def _number(kind: str) -> Callable[[str | None], str | None]:
    """Checks a value that may be a number or ``none`` while typer can still name the option."""

    def check(value: str | None) -> str | None:
        if value is not None and value.lower() != "none":
            try:
                (int if kind.startswith("int") else float)(value)
            except ValueError:
                raise typer.BadParameter(f"{value!r} is neither a number nor none.") from None
        return value

    return check


def _value(parameter: Parameter, value: Any) -> Any:
    if parameter.type in ("int | None", "float | None") and isinstance(value, str):
        if value.lower() == "none":
            return None
        return int(value) if parameter.type.startswith("int") else float(value)
    return value


def _default_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    return "none" if value is None else str(value)


def hyperparameters(
    module: str, name: str, *, without: tuple[str, ...] = (), chosen: Mapping[str, str] = EMPTY
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command every constructor argument of an estimator as an option.

    The command receives ``settings``: a dict of those options that were typed, converted, so that
    the estimator's own defaults hold for all others. chosen: by what those are chosen whose
    default is None.
    """
    known = [p for p in parameters(module, name) if p.name not in without]
    by_name = {p.name: p for p in known}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.name != "settings"
        ]

        def wrapped(**values: Any) -> None:
            settings = {
                key: _value(by_name[key], values.pop(key))
                for key in list(values)
                if key in by_name and values[key] is not None
            }
            for key in by_name:
                values.pop(key, None)
            command(settings=settings, **values)

        extra = []
        for parameter in known:
            group, meaning = MEANING.get(parameter.name, (TRAINING, ""))
            flag = "--" + parameter.name.replace("_", "-")
            flags = [f"{flag}/--no-{flag[2:]}"] if parameter.type == "bool" else [flag]
            optional = parameter.type in ("int | None", "float | None")
            option = typer.Option(
                *flags,
                help=f"{meaning} [{chosen.get(parameter.name, _default_text(parameter.default))}]",
                show_default=False,
                rich_help_panel=group,
                metavar="NUMBER" if optional else None,
                callback=_number(parameter.type) if optional else None,
            )
            extra.append(
                inspect.Parameter(
                    parameter.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=None,
                    annotation=Annotated[_option_type(parameter) | None, option],
                )
            )
        wrapped.__signature__ = inspect.Signature(own + extra)  # type: ignore[attr-defined]
        wrapped.__doc__ = command.__doc__
        wrapped.__name__ = command.__name__
        return wrapped

    return decorate


class Grouped(TyperCommand):
    """A command whose help lists its options in groups, in plain text."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, options, then the groups of the hyperparameters."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                title = "Arguments" if param.param_type_name == "argument" else "Options"
                title = getattr(param, "rich_help_panel", None) or title
                groups.setdefault(title, []).append(record)
        for title in sorted(groups, key=["Arguments", "Options", *GROUPS].index):
            if groups[title]:
                with formatter.section(title):
                    formatter.write_dl(groups[title], col_max=34)
