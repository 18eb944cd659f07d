import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.course.differences import difference, shown

LINES = st.lists(st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=12))
FLOATS = st.floats(-1e6, 1e6)


@given(LINES)
def test_a_text_does_not_differ_from_itself_whatever_blanks_end_its_lines(lines):
    ends = "".join(line + "  \t\r\n" for line in lines) + "\n\n"
    assert difference("\n".join(lines), ends) is None


@given(FLOATS, st.integers(2, 6))
def test_a_number_matches_at_the_precision_at_which_it_is_printed(value, places):
    assert difference(f"h = {value:.{places}f}", f"h = {value!r}") is None


@given(FLOATS, st.integers(0, 6), st.floats(1.01, 100), st.sampled_from([-1, 1]))
def test_a_number_that_is_off_by_more_than_a_unit_does_not(value, places, by, sign):
    wanted = f"{value:.{places}f}"
    assert difference(wanted, f"{float(wanted) + sign * by * 10.0**-places:.12f}") is not None


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("0.333", "0.33312"),
        ("3", "3.0"),
        ("12.0", "12"),
        ("0.3", "0.30000000000000004"),
        ("-0.0", "0.0"),
        ("1e-05", "0.00001"),
        ("  0.500", "0.5"),
        ("[1, 2]", "[1,  2]".replace("  ", " ")),
        ("x  =  3", "x = 3"),
        ("nan inf", "nan inf"),
        ("1" + "0" * 400, "1" + "0" * 400),
    ],
)
def test_these_are_the_same(expected, said):
    assert difference(expected, said) is None


@pytest.mark.parametrize(
    ("expected", "said", "line", "column"),
    [
        ("0.333", "0.332", 1, 0),
        ("0.5", "0.46", 1, 0),
        ("3", "3.2", 1, 0),
        ("3", "", 1, 0),
        ("", "3", 1, 0),
        ("a\nb", "a", 2, 0),
        ("a", "a\n\nb", 2, 0),
        ("h1 = 2", "h2 = 2", 1, 1),
        ("h = 1.500 then 2", "h = 1.500 then 3", 1, 15),
        ("[1, 2]", "[1,2]", 1, 3),
        ("  *", " *", 1, 1),
        ("1.2.3", "1.2.4", 1, 4),
        ("0.333", "nan", 1, 0),
        ("1" + "0" * 400, "2" + "0" * 400, 1, 0),
        ("1.0", "1e999", 1, 0),
        ("1.5", "1e99999999999999999999", 1, 0),
        ("a  b  c", "a b d", 1, 4),
        ("1" + "0" * 99_999 + "a", "1" + "0" * 99_999 + "b", 1, 100_000),
    ],
)
def test_these_differ_and_where(expected, said, line, column):
    found = difference(expected, said)
    assert (found.line, found.column) == (line, column)


def test_the_mark_stands_below_the_first_difference():
    found = difference("a 1\nb 2\nc 3", "a 1\nb 20\nc 3").lines()
    assert found[2].startswith(">    2  b 2")
    assert found[2][found[3].index("^") :] == "20"


@pytest.mark.parametrize("width", [40, 79])
@pytest.mark.parametrize("at", [0, 10, 30, 500, 899])
@pytest.mark.parametrize("before", ["", "h =  "])
def test_long_lines_are_shown_where_they_differ_and_no_wider_than_the_terminal(width, at, before):
    wanted = "abcdefgh " * 100 + "end"
    found = difference(
        "h = " * bool(before) + wanted, before + wanted[:at] + "X" + wanted[at + 1 :]
    )
    *_, expected, own, mark = found.lines(width)
    assert max(map(len, found.lines(width))) <= width
    place = mark.index("^")
    assert own[place] == "X"
    assert wanted[at] in expected[place - 1 : place + 1]  # a blank fewer, perhaps
    assert at == 30 or ("…" in own[:-1]) == (at > 30)  # said to be left out at the left
    assert own.endswith("…" if at < 890 else "end")


def test_a_difference_is_seen_in_both_where_numbers_are_printed_with_more_places():
    numbers = [1 / n for n in range(1, 40)]
    wanted = " ".join(f"{number:.2f}" for number in numbers)
    found = difference(wanted + " last", " ".join(map(str, numbers)) + " lost").lines()
    assert "last" in found[1]
    assert "lost" in found[2]
    assert found[2][found[3].index("^") :].startswith("ost")


def test_long_lines_around_the_first_difference_do_not_put_it_out_of_sight():
    found = difference("x" * 100 + "\n1 a\n" + "y" * 100, "x" * 100 + "\n1 b\n" + "z" * 100).lines()
    assert found[1].count("…") == 2
    assert found[2] == ">    2  1 a" + " " * 34 + "1 b"
    assert found[2][found[3].index("^") :] == "b"


def test_the_mark_is_right_behind_what_is_shown_in_another_way():
    found = difference("\tcafe", "\t\x00cofe").lines()
    assert found[1].endswith("    \\x00cofe")
    assert found[1][found[2].index("^") :] == "\\x00cofe"


def test_nothing_that_is_shown_moves_the_cursor():
    assert shown("\x1b[2J\rhello\x00") == "\\x1b[2J\\rhello\\x00"
