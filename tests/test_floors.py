"""The house itself: floors, a light import, docstrings, files that are read in one sitting."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import clew

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "clew"
PYTHON = sorted(SOURCE.rglob("*.py"))
WRITTEN = [
    *PYTHON,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
    *sorted((ROOT / "native").iterdir()),
]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_imports_go_down_only() -> None:
    # In a process of its own: it sets up logging anew, which shuts what others log to.
    lint = "from importlinter.cli import lint_imports_command as lint; lint()"
    linted = subprocess.run(
        [sys.executable, "-c", lint, "--config", ROOT / "pyproject.toml", "--no-cache"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_folder_is_a_package() -> None:
    """Else neither the floors nor the types of what it holds are checked."""
    folders = {path.parent for path in PYTHON}
    assert [name(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("module", ["clew", "clew.errors", "clew.reference", "clew.cli"])
def test_a_light_import_stays_light(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "print(*({'torch', 'numpy', 'sklearn', 'polars', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert found.stdout.split() == []


def test_the_public_names() -> None:
    for public in clew.__all__:
        assert getattr(clew, public) is not None
    assert set(clew.__all__) <= set(dir(clew))
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        clew.Clasifier  # noqa: B018


def undocumented(tree: ast.Module) -> list[str]:
    """Public functions, classes and methods without a docstring; overloads, setters need none."""
    missing = [] if ast.get_docstring(tree) else ["the module"]

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            told_elsewhere = "overload" in decorators or f"{node.name}.setter" in decorators
            if node.name.startswith("_") or told_elsewhere:
                continue
            if not ast.get_docstring(node):
                missing.append(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(tree.body, "")
    return missing


def test_everything_public_has_a_docstring() -> None:
    missing = {}
    for path in PYTHON:
        found = undocumented(ast.parse(path.read_text(encoding="utf-8")))
        if found:
            missing[name(path)] = found
    assert missing == {}


def test_a_file_is_read_in_one_sitting() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in WRITTEN}
    assert {path: length for path, length in lengths.items() if length > 400} == {}
