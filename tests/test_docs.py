"""Every command and every piece of Python in README.md and docs/ is run here.

The blocks of a page run in order, in one empty folder with the small files below, and share their
names. They run as they are printed, with one difference: the *defaults* of the estimators are made
small, so that what a page leaves unsaid costs a moment; so are the yardstick that a language model
is measured by, and the shapes of `clew bench`. What a page says (`--hidden-size 64`, `epochs=4`) is
done.

```python   run in this process
```sh       lines that begin with `clew`, or pipe into it, run in this process; `torchrun` lines in
            processes as torchrun starts them; `make X` is looked up in the Makefile; other lines
            are not run
other       not run

A comment <!-- in the test: OPTIONS --> in the line before a block appends these options to its
`clew` commands: long trainings are run in short.
"""

import io
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

import processes
import pytest

from clew import (
    Classifier,
    Composer,
    Forecaster,
    LanguageModel,
    Tagger,
    Transcriber,
    Translator,
)
from clew.cli import main
from clew.memory import compare as compared
from clew.nn import bench

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEEDS_A_LICENCE_OF_TIME = ("clew demo",)  # shown by its own test in tests/cli
SMALL = {
    Classifier: {"epochs": 2, "hidden_size": 8, "embedding_size": 8},
    Composer: {"epochs": 2, "hidden_size": 16, "num_layers": 1, "embedding_size": 8},
    Forecaster: {"epochs": 2, "hidden_size": 8, "num_layers": 1},
    LanguageModel: {
        "epochs": 1,
        "hidden_size": 16,
        "embedding_size": 8,
        "num_layers": 1,
        "batch_size": 4,
    },
    Tagger: {
        "epochs": 2,
        "hidden_size": 16,
        "num_layers": 1,
        "embedding_size": 8,
        "character_size": 8,
    },
    Transcriber: {"epochs": 2, "hidden_size": 16, "num_layers": 1},
    Translator: {"epochs": 2, "hidden_size": 16, "num_layers": 1, "embedding_size": 8},
}


def blocks(page: Path) -> list[tuple[str, str, int, str]]:
    """(language, code, line, options for the test) of every fenced block."""
    found, language, lines, start, before, more = [], None, [], 0, "", ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.fullmatch(r"```(\w*)", line)
        if fence and language is None:
            language, lines, start = fence[1], [], number
            comment = re.fullmatch(r"<!-- in the test: (.*) -->", before)
            more = f" {comment[1]}" if comment else ""
        elif fence:
            found.append((language, "\n".join(lines), start, more))
            language = None
        elif language is not None:
            lines.append(line)
        before = line
    assert language is None, f"{page}: the block of line {start} does not end"
    return found


def write_files(folder: Path) -> None:
    good = ["a warm and funny film", "a joy to watch", "bright, clever and kind", "I loved it"]
    bad = ["dull and far too long", "a waste of time", "flat, lazy and loud", "I hated it"]
    rows = [(text, "good") for text in good] + [(text, "bad") for text in bad]
    table = "text,label\n" + "".join(f'"{t}",{label}\n' for t, label in rows * 6)
    (folder / "reviews.csv").write_text(table)
    (folder / "new.csv").write_text(
        table.split("\n", 9)[0]
        + "\n"
        + table.split("\n", 9)[1]
        + "\n"
        + table.split("\n", 9)[5]
        + "\n"
    )
    (folder / "lines.txt").write_text("a joy to watch\nfar too long\n")
    sea = "The sea was calm. The ship was far from the land, and the wind came from the west.\n\n"
    (folder / "book.txt").write_text(sea * 40)
    (folder / "more.txt").write_text(sea.replace("sea", "sky") * 10)


def commands(code: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", code)
    lines = [line.strip() for line in joined.splitlines()]
    return [re.sub(r"\s+#.*", "", line) for line in lines if line and not line.startswith("#")]


def run_clew(line: str, capsys, monkeypatch) -> str:
    """Run `[... |] clew ... [> FILE]`: what stands before the pipe in a shell, clew itself here."""
    before, bar, own = line.rpartition("|") if not line.startswith("clew") else ("", "", line)
    words = shlex.split(own)
    target = None
    if ">" in words:
        words, target = words[: words.index(">")], words[words.index(">") + 1]
    text = ""
    if bar:
        text = subprocess.run(
            ["bash", "-c", before], check=True, capture_output=True, text=True
        ).stdout
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    capsys.readouterr()
    code = main(words[1:])
    out, err = capsys.readouterr()
    assert code == 0, f"{line}\n{err}"
    assert "Traceback" not in err
    if target:
        Path(target).write_text(out)
    return out


def run_torchrun(line: str) -> None:
    torchrun, option, count, *words = shlex.split(line)
    assert (torchrun, option) == ("torchrun", "--nproc-per-node")
    said, _ = processes.ranks(int(count), Path.cwd(), *words)
    assert said.count("the model is in") == 1  # only the first process speaks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_says_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # the course keeps progress there
    write_files(tmp_path)
    for kind, defaults in SMALL.items():
        known = kind.__init__.__kwdefaults__
        assert set(defaults) <= set(known)
        monkeypatch.setattr(kind.__init__, "__kwdefaults__", {**known, **defaults})
    monkeypatch.setattr("clew.tasks._language.window._STEPS", 20)
    monkeypatch.setattr(bench, "SHORT", bench.TINY)
    # The runs of `clew compare` stay in this process: each of its own would load torch first.
    monkeypatch.setattr(compared, "compare", partial(compared.compare, apart=False))
    names: dict[str, object] = {}
    for language, code, line, more in blocks(page):
        if language == "python":
            exec(compile("\n" * line + code, str(page), "exec"), names)
        elif language == "sh":
            for command in commands(code):
                if command.startswith("torchrun "):
                    run_torchrun(command)
                elif command.startswith("make "):
                    target = command.split()[1]
                    assert f"\n{target}:" in (ROOT / "Makefile").read_text(), command
                elif re.search(r"(^|\| )clew ", command) and not command.startswith(
                    NEEDS_A_LICENCE_OF_TIME
                ):
                    run_clew(command + more, capsys, monkeypatch)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "examples/README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_command_reference_is_current():
    done = subprocess.run(
        [sys.executable, ROOT / "docs/make_reference.py", "--print"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout == (ROOT / "docs/commands.md").read_text(encoding="utf-8"), "run: make docs"
