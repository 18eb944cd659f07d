"""The one form of an error, and that it survives the way between processes."""

import pickle
from pathlib import Path

import pytest

from clew.errors import InputError, Interrupted, need


def test_an_error_says_what_where_expected_and_what_to_try():
    error = InputError("no text", where="a.csv:3", expected="a text", hint="--text NAME")
    assert str(error) == "no text\n  where: a.csv:3\n  expected: a text\n  try: --text NAME"
    assert str(InputError("no text")) == "no text"
    assert str(InputError("no text", hint="more")) == "no text\n  try: more"
    assert isinstance(error, ValueError)


def test_an_error_can_be_pickled():
    error = InputError("no text", where="a.csv:3", expected="a text", hint="--text NAME")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert (again.what, again.where, again.expected, again.hint) == (
        "no text",
        "a.csv:3",
        "a text",
        "--text NAME",
    )


def test_an_interruption_names_the_folder():
    assert Interrupted(folder=Path("out")).folder == Path("out")
    assert Interrupted().folder is None
    with pytest.raises(KeyboardInterrupt):
        raise Interrupted


def test_a_package_that_is_missing_is_named_with_its_extra():
    assert need("json", extra="none") is __import__("json")
    with pytest.raises(InputError, match=r"package sacre(?s:.*)pip install 'clew\[translate\]'"):
        need("sacre.metrics", extra="translate")
