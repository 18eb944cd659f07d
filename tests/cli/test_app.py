import subprocess
import sys

import pytest

from clew import __version__
from clew.cli import app as program
from clew.errors import InputError
from clew.train import PeerError


def test_help_names_every_command_and_needs_nothing_heavy(environment):
    code = (
        "import sys; from clew.cli import main; assert main(['--help']) == 0; "
        "heavy = {'torch', 'numpy', 'polars', 'sklearn', 'rich', 'pydantic'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    places = [
        done.stdout.index(f"\n  {name} ")
        for name in ("demo", "fit", "predict", "generate", "bench")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "command",
    ["demo", "fit classify", "fit language", "predict", "generate", "bench"],
)
def test_every_command_has_help_with_an_example(clew, command):
    answer = clew(*command.split(), "--help")
    assert answer.code == 0
    assert f"clew {command}" in answer.out.split("Example", 1)[1]


def test_the_parser_of_one_command_is_that_of_the_whole_program(clew, monkeypatch):
    words = ["memory --help", "learn --help", "learn check --help", "bench --no", "compare"]
    alone = [clew(*line.split()) for line in words]
    whole = program.program()
    monkeypatch.setattr(program, "program", lambda only: whole)
    assert alone == [clew(*line.split()) for line in words]


def test_version(clew):
    assert clew("--version").out == f"clew {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("fit classify x --epoch 3", "--epochs"),
        ("fit language x --hiden-size 3", "--hidden-size"),
        ("fit classify x --no-bidirectinal", "--no-bidirectional"),
        ("generate x --temprature 1", "--temperature"),
        ("--verson", "--version"),
    ],
)
def test_an_unknown_option_is_wrong_usage_and_the_nearest_is_named(clew, typed, meant):
    answer = clew(*typed.split())
    assert answer.code == 2
    assert answer.out == ""
    wrong = next(word for word in typed.split() if word.startswith("-"))
    first, where, hint = answer.err.splitlines()
    assert first == f"error: there is no option {wrong}"
    assert where.startswith("  where: clew")
    assert hint.startswith(f"  try: {meant},")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("fot", "'fit'"),
        ("fit clasify x", "'classify'"),
        ("fit classify x --cell lsmt", "'lstm'"),
        ("fit classify x --epochs many", "--epochs"),
        ("fit classify x --clip much", "neither a number nor none"),
        ("fit classify x --max-length 2.5", "--max-length"),
        ("predict", "'MODEL'"),
        ("predict x --format yaml", "'jsonl'"),
        ("fit classify", "'DATA'"),
        ("generate x --length", "--length"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_was_wrong(clew, typed, said):
    answer = clew(*typed.split())
    assert answer.code == 2
    assert answer.out == ""
    assert said in answer.err
    assert "  try: clew" in answer.err


def test_no_command_at_all_shows_the_help_and_is_wrong_usage(clew):
    answer = clew()
    assert answer.code == 2
    assert "Commands:" in answer.err


def raising(problem):
    def command(self, *args, **kwargs):
        raise problem

    return command


@pytest.fixture
def fails_with(clew, monkeypatch):
    def run(problem):
        monkeypatch.setattr("typer.core.TyperGroup.main", raising(problem))
        return clew("demo")

    return run


def test_an_input_error_is_printed_as_it_is(fails_with):
    answer = fails_with(InputError("it rains", where="outside", expected="sun", hint="wait"))
    assert answer.code == 1
    assert answer.err == "error: it rains\n  where: outside\n  expected: sun\n  try: wait\n"


def test_a_fault_of_ours_is_called_one_and_says_how_to_see_more(fails_with):
    answer = fails_with(RuntimeError("off by one"))
    assert answer.code == 1
    first, second = answer.err.splitlines()
    assert "fault in Clew" in first
    assert "RuntimeError: off by one" in first
    assert "CLEW_TRACEBACK=1" in second


def test_the_traceback_is_there_for_those_who_ask(monkeypatch, capsys):
    monkeypatch.setenv("CLEW_TRACEBACK", "1")
    monkeypatch.setattr("typer.core.TyperGroup.main", raising(RuntimeError("off by one")))
    assert program.main(["demo"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_file_that_cannot_be_opened_is_not_called_a_fault(fails_with):
    answer = fails_with(PermissionError(13, "Permission denied", "secret.csv"))
    assert answer.code == 1
    assert answer.err == "error: Permission denied\n  where: secret.csv\n"


def test_a_full_disk_behind_standard_output_is_not_called_a_fault(fails_with):
    answer = fails_with(OSError(28, "No space left on device"))
    assert answer.code == 1
    assert answer.err.startswith("error: No space left on device\n  try: make room")


def test_a_closed_standard_output_is_written_to_nowhere(clew, classifier, monkeypatch):
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stdout", None)
        assert program.main(["predict", str(classifier), "a text"]) == 0
        sys.stdout.close()


@pytest.mark.parametrize(
    "problem",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 160000000"),
    ],
)
def test_too_little_memory_is_told_with_advice(fails_with, problem):
    answer = fails_with(problem)
    assert answer.code == 1
    assert "--batch-size" in answer.err


def test_what_another_process_told_is_told_here_and_not_called_a_fault(fails_with):
    answer = fails_with(PeerError("process 1 of this run failed: KeyError: 3"))
    assert answer.code == 1
    assert answer.err == "error: process 1 of this run failed: KeyError: 3\n"


def test_an_interrupt_exits_with_130(fails_with):
    assert fails_with(KeyboardInterrupt()).code == 130


def test_only_the_first_of_several_processes_speaks(clew, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    answer = clew("predict", "nowhere", "text")
    assert (answer.code, answer.out, answer.err) == (1, "", "")


def test_a_reader_that_goes_away_ends_the_program_quietly(classifier, environment):
    command = f"yes 'a text' | head -2000 | {sys.executable} -m clew predict {classifier} | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.endswith("\ta text\n")
    assert done.stderr == ""


def test_the_shell_completes_commands_and_options(environment):
    def completed(words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from clew.cli import main; main([])"],
            env={
                **environment,
                "_CLEW_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            },
            capture_output=True,
            text=True,
        )
        return done.stdout.split()

    assert completed("clew ge") == ["generate"]
    assert completed("clew fit classify --hid") == ["--hidden-size"]
