"""The program: its commands, and the one place where errors become words and exit codes.

Exit codes: 0 success, 1 failure, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from clew import __version__
from clew.cli import bench, compare, demo, fit, generate, learn, memory, predict, say
from clew.errors import InputError, lacks_memory

# In the order in which people meet them.
COMMANDS = {
    "demo": demo, "fit": fit, "predict": predict, "generate": generate, "memory": memory,
    "compare": compare, "learn": learn, "bench": bench,
}  # fmt: skip


class InOrder(TyperGroup):
    """The commands in the order of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names for the help."""
        return sorted(self.commands, key=list(COMMANDS).index)


def _version(wanted: bool) -> None:
    if wanted:
        say.result(f"clew {__version__}")
        raise typer.Exit()


def _clew(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Train, run and explain recurrent networks."""


def program(only: str | None = None) -> Any:
    """The parser of all commands, or of the one called `only`, which is there much sooner."""
    app = typer.Typer(
        name="clew",
        cls=InOrder,
        help="Train, run and explain recurrent networks.",
        epilog="Every command has --help with an example. Try first: clew demo",
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help: it reads the same everywhere, and answers at once
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_clew)
    for name, module in COMMANDS.items():
        if only in (None, name):
            module.register(app)
    command = get_command(app)
    _unhurried(command)
    return command


def _unhurried(command: Any) -> None:
    """Leave unchecked what was not typed: typer loads its checks longer than all else together."""
    command.get_params = partial(_params, command.get_params)
    for own in getattr(command, "commands", {}).values():
        _unhurried(own)


def _params(known: Callable[[Any], list[Any]], ctx: Any) -> list[Any]:
    """The options and arguments `known`, where those that may be left out are not checked if so."""
    found = known(ctx)
    for param in found:
        left_out = not (param.required or param.multiple or param.nargs != 1)
        if left_out and "process_value" not in vars(param):
            param.process_value = partial(_process, param, param.process_value)
    return found


def _process(param: Any, checked: Callable[..., Any], ctx: Any, value: Any) -> Any:
    if value is not None:
        return checked(ctx, value)
    return param.callback(ctx, param, None) if param.callback else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on `argv` (`sys.argv[1:]` if None) and return its exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us (>&-): nobody wants to hear
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, nowhere)
    if isinstance(sys.stdout, TextIOWrapper):  # an answer that cannot be spelt is still an answer
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        command = program(args[0] if args and args[0] in COMMANDS else None)
        code = command.main(args, "clew", standalone_mode=False, obj={"typed": args})
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except InputError as problem:
        return _failed(str(problem))
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", code=130)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except Exception as problem:
        if hasattr(problem, "format_message") and hasattr(problem, "exit_code"):
            return _usage(problem)
        return _fault(problem)


def _failed(text: str, *, code: int = 1) -> int:
    if os.environ.get("CLEW_TRACEBACK"):
        traceback.print_exc()
    say.error(text)
    return code


def _usage(problem: Any) -> int:
    """Wrong usage, in the form of every other error."""
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else "clew"
    if type(problem).__name__ == "NoArgsIsHelpError":
        say.note(problem.ctx.get_help())
        return 2
    message = problem.format_message().rstrip(".").replace("Value error, ", "")
    hint = f"{path} --help"
    wrong = getattr(problem, "option_name", None)
    if type(problem).__name__ == "NoSuchOption" and wrong and context is not None:
        known = [name for p in context.command.params for name in (*p.opts, *p.secondary_opts)]
        near = get_close_matches(wrong, known, n=1)
        message = f"there is no option {wrong}"
        hint = f"{near[0]}, or see {path} --help" if near else hint
    say.error(str(InputError(message[:1].lower() + message[1:], where=path, hint=hint)))
    return 2


def _fault(problem: Exception) -> int:
    if isinstance(problem, OSError) and problem.strerror:  # without a name it is of a stream
        where = "" if problem.filename is None else f"\n  where: {problem.filename}"
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "\n  try: make room on the disk that is written to" if full else ""
        return _failed(problem.strerror + where + hint)
    if type(problem).__name__ == "PeerError":  # it tells what another process of this run told
        return _failed(str(problem))
    if lacks_memory(problem):
        return _failed(
            str(
                InputError(
                    "there is not enough memory for this",
                    hint="a smaller --batch-size or --hidden-size",
                )
            )
        )
    return _failed(
        f"this is a fault in Clew, not in what you typed: {type(problem).__name__}: {problem}\n"
        "  try: the same command with CLEW_TRACEBACK=1 before it shows where; please report that"
    )
