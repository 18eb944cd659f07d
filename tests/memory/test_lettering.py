"""Names as they are shown: blanks seen where they would not be, nothing that moves a cursor."""

import pytest

from clew.memory._lettering import drawable, shown


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("a", "a"),
        ("", ""),
        (" ", "␣"),
        ("   ", "␣␣␣"),
        (" the", "␣the"),
        ("day 1 ", "day 1␣"),
        ("a\nb", "a⏎b"),
        ("\x1b[1m", "·[1m"),
        ("␣", "␣"),
        ("a␣b", "a␣b"),
        ("  ␣ x", "␣␣␣ x"),
        ("abcdefghijklmnopq", "abcdefghijklmno…"),
    ],
)
def test_shown(name, seen):
    assert shown(name) == seen


def test_drawable_has_only_signs_of_the_font():
    assert drawable("é漢 ไ$") == "é? ?$"
    assert drawable(" ") == "␣"
