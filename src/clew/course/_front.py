"""The front matter of a lesson: its keys and values, with their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

import yaml

from clew.course._pieces import Problems, visible

__all__ = ["Front", "is_an_id", "read_front"]

KEYS = (
    "id",
    "title",
    "moduleId",
    "prerequisites",
    "estimatedTimeMinutes",
    "difficulty",
    "learningObjectives",
    "keywords",
)
_EMPTY = {"", "~", "null", "none", "[]"}
_MINUTES = re.compile(r"(?:\d+\s*[-–]\s*)?(\d{1,4})\s*(?:min|mins|minutes)?")


@dataclass(frozen=True)
class Front:
    """What the front matter says; ``lines`` holds the line of each key; body from ``body`` on."""

    id: str = ""
    title: str = ""
    module: str = ""
    prerequisites: tuple[str, ...] = ()
    minutes: int | None = None
    difficulty: str = ""
    objectives: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    lines: dict[str, int] = field(default_factory=dict)
    body: int = 0


def is_an_id(text: str) -> bool:
    """Whether a text may name a lesson or a challenge: it also names files of the learner."""
    return re.fullmatch(r"\w[\w .+-]{0,99}", text) is not None


def _find(lines: Sequence[str], problems: Problems) -> tuple[int, int] | None:
    """The indices of the lines between the two ``---``."""
    start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    if start == len(lines) or lines[start].rstrip() != "---":
        problems.error(
            min(start, len(lines) - 1) + 1,
            "the lesson does not begin with front matter",
            expected="a line ---, then id: and title: and the others, then a line ---",
            hint="`clew learn author new` writes a lesson to begin with",
        )
        return None
    for end in range(start + 1, len(lines)):
        if lines[end].rstrip() in ("---", "..."):
            return start + 1, end
    problems.error(start + 1, "the front matter never ends", expected="a second line ---")
    return None


def _pairs(text: str, first: int, problems: Problems) -> list[tuple[yaml.Node, yaml.Node]]:
    """Keys and values as nodes, which know their lines and keep "no" and 1.10 as they stand."""
    try:
        # Not the loader in C: nesting without an end brings the whole process down there.
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        colon = "mapping values" in str(error.problem)
        problems.error(
            first + (mark.line if mark else 0),
            f"the front matter is no YAML: {error.problem or error.context}",
            hint='a text that holds a colon goes into quotes: title: "Attention: looking back"'
            if colon
            else "a text with marks in it goes into quotes, and indentation is of spaces, not tabs",
        )
        return []
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        problems.error(first, f"the front matter is no YAML: {reason}")
        return []
    if node is None:
        return []
    if not isinstance(node, yaml.MappingNode):
        problems.error(first, "the front matter names no keys", expected="lines like id: NAME")
        return []
    return list(node.value)


def _values(key: str, node: yaml.Node, line: int, problems: Problems) -> list[str]:
    if isinstance(node, yaml.ScalarNode):
        text = visible(" ".join(node.value.split()))
        if text.lower() in _EMPTY and node.style is None:
            return []
        several = key in ("prerequisites", "keywords")
        return [part.strip() for part in text.split(",") if part.strip()] if several else [text]
    if isinstance(node, yaml.SequenceNode):
        texts = [_item(item) for item in node.value]
        if None not in texts:
            return [text for text in texts if text]
    problems.error(
        line,
        f"{key} is no text and no list of texts",
        expected="one text, or lines that begin with - , or [ONE, TWO]",
        hint="a text that holds a colon goes into quotes",
    )
    return []


def _item(node: yaml.Node) -> str | None:
    """A text in a list. "- Colons: in it" is a mapping to YAML, and a sentence to its writer."""
    if isinstance(node, yaml.ScalarNode):
        return visible(" ".join(node.value.split()))
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        key, value = (_item(part) for part in node.value[0])
        return None if key is None or value is None else f"{key}: {value}"
    return None


def read_front(lines: Sequence[str], problems: Problems) -> Front:
    """The front matter of a lesson's file.

    ``id`` and ``title`` are needed; unknown keys are noted and left out.
    """
    found = _find(lines, problems)
    if found is None:
        return Front()
    start, end = found
    values: dict[str, list[str]] = {}
    at: dict[str, int] = {}
    before = len(problems.found)
    for key_node, node in _pairs("\n".join(lines[start:end]), start + 1, problems):
        line = start + 1 + key_node.start_mark.line
        key = str(key_node.value)
        if key in at:
            problems.error(line, f"{key} is there twice; the first is in line {at[key]}")
        elif key in KEYS:
            values[key], at[key] = _values(key, node, line, problems), line
        else:
            close = get_close_matches(key, KEYS, 1, 0.7)
            hint = f"{close[0]}?" if close else f"known are {', '.join(KEYS)}"
            problems.note(line, f"{key} is not used", hint=hint)
    readable = len(problems.found) == before or bool(values)

    def one(key: str) -> str:
        return ", ".join(values.get(key, ()))

    for key in ("id", "title") if readable else ():
        if not one(key) and key not in {p.text.split()[0] for p in problems.errors()}:
            problems.error(at.get(key, start), f"the front matter has no {key}")
    if one("id") and not is_an_id(one("id")):
        problems.error(at["id"], f"{one('id')!r} cannot be an id", expected="letters, digits, - _")
    return Front(
        id=one("id"),
        title=one("title"),
        module=one("moduleId"),
        prerequisites=tuple(values.get("prerequisites", ())),
        minutes=_minutes(one("estimatedTimeMinutes"), at, problems),
        difficulty=one("difficulty"),
        objectives=tuple(values.get("learningObjectives", ())),
        keywords=tuple(values.get("keywords", ())),
        lines=at,
        body=end + 1,
    )


def _minutes(text: str, at: dict[str, int], problems: Problems) -> int | None:
    if not text:
        return None
    match = _MINUTES.fullmatch(text.lower())
    if match is None or int(match[1]) == 0:
        problems.error(
            at["estimatedTimeMinutes"], f"{text!r} is no number of minutes", expected="such as 15"
        )
        return None
    return int(match[1])
