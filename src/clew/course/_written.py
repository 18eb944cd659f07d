"""What is written in a learner's code, so that advice speaks only of what is there."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import cached_property

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.AsyncFor, ast.While, *_COMPREHENSIONS)


class Written:
    """The loops, calls and functions of `code`; none where it is no Python."""

    def __init__(self, code: str) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._nodes = list(ast.walk(ast.parse(code)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self._nodes = []

    @cached_property
    def loops(self) -> list[ast.AST]:
        """Every loop; comprehensions are loops."""
        return [node for node in self._nodes if isinstance(node, _LOOPS)]

    def calls(self, name: str) -> bool:
        """Whether a function of this name is called somewhere."""
        return any(own == name for node in self._nodes for own in _called(node))

    def prints_in_a_loop(self) -> bool:
        """Whether a print(...) is in a loop, or in a function that a loop calls."""
        return any("print" in self._reached(loop) for loop in self.loops)

    def prints_in_a_function(self) -> bool:
        """Whether a print(...) stands in a function."""
        functions = [node for node in self._nodes if isinstance(node, _FUNCTIONS)]
        return any("print" in _names(node) for node in functions)

    def loops_at(self, line: int | None) -> bool:
        """Whether a line is in a loop, or in a function that a loop calls; any loop without one."""
        if line is None:
            return bool(self.loops)
        inside = {
            node.name for node in self._nodes if isinstance(node, _FUNCTIONS) and _has(node, line)
        }
        return any(_has(loop, line) or inside & self._reached(loop) for loop in self.loops)

    def calls_itself_at(self, line: int | None) -> bool:
        """Whether a line is in a function that calls itself."""
        functions = (node for node in self._nodes if isinstance(node, _FUNCTIONS))
        return any(
            line is not None and _has(node, line) and node.name in self._reached(node)
            for node in functions
        )

    @cached_property
    def _within(self) -> dict[str, set[str]]:
        """Of each function the names of those that it calls."""
        found: dict[str, set[str]] = {}
        for node in self._nodes:
            if isinstance(node, _FUNCTIONS):
                found.setdefault(node.name, set()).update(_names(node))
        return found

    def _reached(self, node: ast.AST) -> set[str]:
        """The names of the functions that are called in a part of the code, and within those."""
        found: set[str] = set()
        ahead = _names(node)
        while ahead:
            found |= ahead
            ahead = {name for own in ahead for name in self._within.get(own, ())} - found
        return found


def _has(node: ast.AST, line: int) -> bool:
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
    return first <= line <= last


def _called(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node.func, ast.Attribute):
            yield node.func.attr


def _names(node: ast.AST) -> set[str]:
    return {name for own in ast.walk(node) for name in _called(own)}


def without_message(check: str) -> str:
    """The line of a check without what it says, which is told by itself."""
    try:
        (node,) = ast.parse(check.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return check
    if not isinstance(node, ast.Assert) or node.msg is None:
        return check
    return f"assert {ast.get_source_segment(check.strip(), node.test) or ''}"
