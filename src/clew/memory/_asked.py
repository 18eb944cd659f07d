"""A text that somebody typed, as a case to look at element by element."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from clew.errors import InputError
from clew.memory.opening import opened
from clew.memory.subject import Case, Subject

_READS = ("language", "classify", "tag", "translate")


def asked(model: Any, subject: Subject, text: str) -> tuple[Subject, Case]:
    """A subject whose data is this text, and the case of its last element.

    What would be right is not known and not asked for: a target stands there only to make a case.
    Raises InputError for an empty text, one that the model knows nothing of, and models that read
    no texts.
    """
    task = subject.task
    if task not in _READS or (task == "classify" and model.tokenizer_ is None):
        raise InputError(
            f"a text does not go with a model of task {task} that reads {subject.element[1]}",
            where="text", hint="leave it out, or choose a sequence of the data by its number",
        )  # fmt: skip
    if not text.strip():
        raise InputError("the text is empty", where="text")
    try:
        if task == "language":
            # A token at least follows another, so that there is a case.
            near: Any = opened(model, text if len(text) > 1 else text + text)
            return near, Case(near.tokens.astype(np.int64), len(near.tokens) - 1, 1)
        data: Any
        side: Literal["target", "source"] = "target"
        if task == "classify":
            data = ([text], [model.classes_[0]])
        elif task == "tag":
            words = text.split()
            answers = subject.answers
            assert answers is not None
            data = ([words], [[answers[0]] * len(words)])
        else:
            side = "target" if type(subject).__name__ == "Target" else "source"
            data = ([text], list(model.predict([text])))
        near = opened(model, data, side=side)
    except InputError as error:
        raise InputError(error.what, where="text", expected=error.expected) from error
    most = 1 << 20
    return near, max(near.cases(most, most), key=lambda case: case.at)
