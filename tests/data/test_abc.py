"""Tunes in ABC: how long and how high each note is, and what is said of what cannot be read."""

from fractions import Fraction
from pathlib import Path

import pytest

from clew.data.abc import (
    Tune,
    bars,
    check,
    iter_tunes,
    parse,
    read_tunes,
    tune_of,
    write,
    write_tunes,
)
from clew.errors import InputError

F = Fraction
HEADER = "X:1\nT:Test\nM:4/4\nL:1/8\nK:C\n"


def tune(body: str, key: str = "C", metre: str = "4/4", unit: str = "1/8") -> Tune:
    return parse(f"X:7\nT:Test\nM:{metre}\nL:{unit}\nK:{key}\n{body}\n", where="a.abc")


def texts(body: str, **how: str) -> list[str]:
    return [token.text for token in tune(body, **how).tokens]


def notes(body: str, **how: str) -> list[tuple[list[int], F]]:
    """Pitches and duration of every note and rest, in order."""
    return [
        ([sign.pitch for sign in event.signs], event.duration)
        for bar in bars(tune(body, **how))
        for event in bar.events
    ]


def pitches(body: str, **how: str) -> list[int]:
    return [pitch for found, _ in notes(body, **how) for pitch in found]


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("a6/4 b/ c// d1 e2/2 F/4", "a3/2 b/2 c/4 d e F/4"),
        ("c, C' c,, C,' ^^c __B =e", "C c C, C ^^c __B =e"),
        ("|: a :| b :: c :||: d ||| e |] f", "|: a :| b :: c :: d || e |] f"),
        ("a |1 b :|2 c | [1,3 d [ 2 e", "a | [1 b :| [2 c | [1,3 d [2 e"),
        ("|: |||: a | |\n| b |: :| c", "|: a | b :: c"),
        ('"Am7" a "^slowly"b "" c " G "d', '"Am7" a "^slowly" b c "G" d'),
        ("(3abc (3:2:4 abcd (3::2 ab (a b)", "(3 a b c (3:2:4 a b c d (3:2:2 a b ( a b )"),
        ("[CEG]2 [C/E/]", "[ C2 E2 G2 ] [ C/2 E/2 ]"),
        ("{/ga}b ~c .d !trill!e +fermata+f", "{ g a } b ~ c . d !trill! e !fermata! f"),
        ("vg Ta !.!a", "v g T a . a"),
        ("a-a .-b a>b c<<d", "a - a - b a > b c << d"),
        ("z2 x Z4 X1 y2 a`b $ % a comment [", "z2 x Z4 Z a b"),
        ("a \\\nb [K: Gmaj] c [M:C|]d [L:1/4]e [r:no] [I:x]", "a b [K:G] c [M:2/2] d [L:1/4] e"),
        ("a\nK:D dorian\nw:la la\nT:Second\nP:B\nE:|", "a [K:Ddor] [T:Second] [P:B] E :|"),
    ],
)
def test_each_thing_has_one_spelling(written: str, spelt: str) -> None:
    assert " ".join(texts(written)) == spelt
    assert " ".join(texts(spelt.replace("[T:Second]", "\nT:Second\n"))) == spelt


def test_lengths() -> None:
    body = "A A2 A/2 A// A3/2 z2 (3AAA (3A2AA2 (5AAAAA A>A A<<A (2AA [Ac]3 {c}A"
    eighths = [1, 2, F(1, 2), F(1, 4), F(3, 2), 2, *[F(2, 3)] * 3, F(4, 3), F(2, 3), F(4, 3)]
    eighths += [*[F(2, 5)] * 5, F(3, 2), F(1, 2), F(1, 4), F(7, 4), F(3, 2), F(3, 2), 3, 0, 1]
    assert [length * 8 for _, length in notes(body)] == eighths
    assert [n * 8 for _, n in notes("(5AAAAA", metre="6/8")] == [F(3, 5)] * 5  # five in three
    assert [n for _, n in notes("A [L:1/4] A", unit="1/16")] == [F(1, 16), F(1, 4)]
    assert [n for _, n in notes("A | Z2 | A", metre="3/4")] == [F(1, 8), F(3, 2), F(1, 8)]


def test_the_unit_follows_from_the_metre_where_it_is_not_given() -> None:
    for metre, unit in (("2/4", F(1, 16)), ("3/4", F(1, 8)), ("C|", F(1, 8)), ("none", F(1, 8))):
        assert parse(f"X:1\nM:{metre}\nK:C\na").unit == unit
    assert parse("X:1\nK:C\na").metre_text == "none"
    late = parse("X:1\nM:4/4\nK:A\nM:6/8\nL:1/4\nK:D\nP:A\na")  # fields below the first K:
    assert (late.metre_text, late.unit, late.key) == ("6/8", F(1, 4), "D")


def test_pitches() -> None:
    assert pitches("C, C c c' ^c _B =f") == [48, 60, 72, 84, 73, 70, 77]
    # An accidental holds for its letter, in all octaves, to the end of the bar.
    assert pitches("^F F f | F") == [66, 66, 78, 65]
    assert pitches("F =F F | F", key="G") == [66, 65, 65, 66]
    # A tie carries it over the bar line, to the one note only.
    assert pitches("^F-|F F") == [66, 66, 65]
    assert pitches("{^f}f f") == [78, 78, 78]
    assert pitches("F [K:D] F") == [65, 66]


@pytest.mark.parametrize(
    ("key", "scale"),
    [
        ("C", [60, 62, 64, 65, 67, 69, 71]),
        ("Am", [60, 62, 64, 65, 67, 69, 71]),
        ("G major", [60, 62, 64, 66, 67, 69, 71]),
        ("Ador", [60, 62, 64, 66, 67, 69, 71]),
        ("D mixolydian", [60, 62, 64, 66, 67, 69, 71]),
        ("F", [60, 62, 64, 65, 67, 69, 70]),
        ("Eb clef=treble", [60, 62, 63, 65, 67, 68, 70]),
        ("F#m", [61, 62, 64, 66, 68, 69, 71]),
        ("Ephr", [60, 62, 64, 65, 67, 69, 71]),
        ("Flyd", [60, 62, 64, 65, 67, 69, 71]),
        ("Bloc", [60, 62, 64, 65, 67, 69, 71]),
        ("Hp", [61, 62, 64, 66, 67, 69, 71]),
        ("D ^g _b", [61, 62, 64, 66, 68, 69, 70]),
        ("none", [60, 62, 64, 65, 67, 69, 71]),
        ("D exp ^f", [60, 62, 64, 66, 67, 69, 71]),
    ],
)
def test_keys(key: str, scale: list[int]) -> None:
    found = tune("CDEFGAB", key=key)
    assert pitches("CDEFGAB", key=key) == scale
    assert parse(write(found)).key == found.key


GOOD = [
    "CDEFGABc|c8|",
    "G2|CDEFGABc|c6|]",  # the last bar leaves room for the pickup
    "G2|CDEFGABc|c6:|G2|CDEFGABc|c6:|",
    "|:G2|C8|c6:|",
    "CDEF||GABc|c8|]",  # a double line cuts a bar
    "G2|C8|[1c6:|[2c8||C8|]",
    "G2|C8|[1c6:|[2c4||E4|C8|c6|]",
    "C8|[1 D8:|[2 E8|]",
    "C8|[M:3/4] C6|[M:2/4]C4|",
    "(3CDE F2 C4|",
    "C4|\nP:B\nC4|C8|",
]
BAD = [
    ("CDEFGABc|c7|C8|", "bar 2 (line 6): 7/8 in a bar of 1"),
    ("CDEFGABcd|c8|", "bar 1 (line 6): 9/8 in a bar of 1"),
    ("C8|G2|C8|", "bar 2 (line 6): 1/4 in a bar of 1"),
    ("C8|G2:|C8|", "bar 1 (line 6): 1 in a bar of 1 after 1/4 of it were over"),
    ("CDEF||GABc|c7|C8|", "bar 3 (line 6): 7/8 in a bar of 1"),
    ("C8|CDEF||GAB|C8|", "bar 3 (line 6): 3/8 in a bar of 1 after 1/2 of it were over"),
    ("C8|c5|]", "bar 2 (line 6): 5/8 in a bar of 1"),
    ("G2|C8|c4|]", "bar 3 (line 6): 1/2 in a bar of 1"),
]


def test_what_holds_its_metre() -> None:
    for body in GOOD:
        assert check(tune(body)) == [], body
    for body, said in BAD:
        assert check(tune(body))[0] == said, body
    assert check(tune("C7|C5|", metre="none")) == []


def test_bars_say_what_they_hold() -> None:
    found = bars(tune('G2|"C"C8|[1 c6:|[2 c4||', metre="4/4"))
    assert [(bar.length, bar.due, bar.begins, bar.ends, bar.ending) for bar in found] == [
        (F(1, 4), 1, "", "|", ""),
        (1, 1, "|", "|", ""),
        (F(3, 4), 1, "|", ":|", "1"),
        (F(1, 2), 1, ":|", "||", "2"),
    ]


def test_units_and_music() -> None:
    found = tune('"^fast" (3ABc d/ | [L:1/4] z e3/2 [K:D] [M:3/4] f [P:B] g')
    halves = found.in_unit(F(1, 16))
    assert [x.text for x in halves.tokens][1:6] == ["(3", "A2", "B2", "c2", "d"]
    assert halves.music[6:] == ("z4", "e6", "[K:D]", "[M:3/4]", "f4", "g4")
    assert found.music[-5:] == ("e3", "[K:D]", "[M:3/4]", "f2", "g2")
    assert [e.duration for b in bars(halves) for e in b.events] == [
        e.duration for b in bars(found) for e in b.events
    ]


@pytest.mark.parametrize("semitones", [-13, -5, -1, 1, 2, 6, 7, 12])
@pytest.mark.parametrize("key", ["D", "Am", "Bb", "Emix", "F#m"])
def test_transposed(key: str, semitones: int) -> None:
    body = '"D7/f+"D^GF=F | "Bbm" _B B c c\' | [K:G] F [Ac] "(E)" {g}f-|f'
    before = tune(body, key=key)
    after = before.transposed(semitones)
    assert [s.pitch for b in bars(after) for e in b.events for s in e.signs] == [
        pitch + semitones for pitch in pitches(body, key=key)
    ]
    assert [e.duration for b in bars(after) for e in b.events] == [
        e.duration for b in bars(before) for e in b.events
    ]
    if semitones == 2:
        assert '"E7/g+"' in after.music
        assert '"(F#)"' in after.music
        assert '"Cm"' in after.music
    assert len(bars(parse(write(after)))) == len(bars(before))


def test_what_is_written_is_read_the_same(tmp_path: Path) -> None:
    body = 'G2|"C"C2(3DEF G>A . (3Bcd|{g}c2 [ce]2-[ce]4|[1 c6:|[2 [K:D] !trill!f6||\n'
    body += "P:B\n" + "CDEFGABc|" * 12
    first = parse("X:3\nT:A \nT:B\nR:reel\nM:4/4\nL:1/8\nK:G\n" + body)
    text = write(first)
    assert text.startswith("X:3\nT:A\nT:B\nR:reel\nM:4/4\nL:1/8\nK:G\nG2|")
    assert "CDEF GABc|" in text  # beats stand apart: half bars would be as good, words are not
    assert max(map(len, text.splitlines())) < 100
    write_tunes([first, first], tmp_path / "a.abc")
    for again in [parse(text), *read_tunes(tmp_path / "a.abc")]:
        assert [x.text for x in again.tokens] == [x.text for x in first.tokens]
        assert (again.key, again.unit, again.metre_text) == ("G", F(1, 8), "4/4")
        assert again.fields == first.fields


def test_a_tune_of_tokens() -> None:
    made = tune_of(["|:", "a", ".", "(3", "a", "b", "c"], metre="6/8", unit=F(1, 8), key="Em")
    assert made.music == ("|:", "a", ".", "(3", "a", "b", "c")
    assert (made.metre, made.key) == (F(3, 4), "Em")
    with pytest.raises(InputError, match="tuplet"):
        tune_of(["(3", "a"], metre="6/8", unit=F(1, 8), key="Em")


def test_a_fragment_takes_metre_and_key_from_elsewhere() -> None:
    found = parse("fga", metre="9/8", key="D")
    assert (found.metre_text, found.key, found.music) == ("9/8", "D", ("f", "g", "a"))
    assert parse("M:3/4\nL:1/4\nf2g|", metre="6/8").metre_text == "3/4"


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.abc").write_text("M:3/4\nL:1/4\n\nsome words\n\nX:1\nT:One\nK:G\na3|\n\n"
                                          "words between\n\nX:2\nM:4/4\nK:D\na4|\n")  # fmt: skip
    (tmp_path / "a.abc").write_text("X:9\r\nT:Nine % a comment\r\nK:C\r\nabc|\r\n")
    (tmp_path / "other.txt").write_text("no tune")
    found = read_tunes(tmp_path)
    assert [t.number for t in found] == ["9", "1", "2"]
    assert [t.metre_text for t in found] == ["none", "3/4", "4/4"]
    assert [t.unit for t in found] == [F(1, 8), F(1, 4), F(1, 4)]
    assert found[0].title == "Nine"
    assert found[1].place() == f"{tmp_path}/b/x.abc:6, tune 1 One"
    seen: list[bytes] = []
    assert len(list(iter_tunes(tmp_path / "a.abc", observe=seen.append))) == 1
    assert b"".join(seen) == (tmp_path / "a.abc").read_bytes()


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("abc|\nab&c", 7, "another voice"),
        ("abc [ce", 6, "a chord [ that is not closed"),
        ("[ce [eg]", 6, "a chord [ within a chord"),
        ("[]a", 6, "a chord without notes"),
        ("[c z]", 6, "'z' in a chord"),
        ("a]", 6, "closes nothing"),
        ("abc\n\n\n(3ab|", 9, "a bar line too soon"),
        ("(3ab", 6, "a tuplet that is not full"),
        ("(3a(3bcd", 6, "a tuplet within a tuplet"),
        ("a>|b", 6, "a bar line too soon"),
        (">a", 6, "> without a note"),
        ("-a", 6, "a tie - without a note"),
        ("{ab", 6, "grace notes { that are not closed"),
        ('"Am a', 6, "cannot read '\"Am a'"),
        ("a0", 6, "no length of a note: 'a0'"),
        ("a/0", 6, "no length"),
        ("a2/2/2", 6, "cannot read '/2'"),
        ("hello", 6, "cannot read"),
        ("a \\ b", 6, "cannot read"),
        ("[M:4/5] a", 6, "there is no metre '4/5'"),
        ("a\nK:H", 7, "there is no key 'H'"),
        ("V:1\na\nV:2\nb", 8, "a second voice"),
        ("c'''''''''", 6, "out of reach"),
        ("", 1, "the tune has no notes"),
        ("% only words", 1, "the tune has no notes"),
    ],
)
def test_what_does_not_parse_is_named(tmp_path: Path, body: str, line: int, what: str) -> None:
    path = tmp_path / "a.abc"
    path.write_text(HEADER + body.replace("\n\n\n", "\n%\n%\n"))
    with pytest.raises(InputError) as error:
        read_tunes(path)
    assert what in error.value.what
    assert error.value.where == f"{path}:{line}, tune 1 Test"
    assert error.value.expected
    body = body.replace("\n\n\n", "\n")
    path.write_text(HEADER + "a\n\n" + HEADER + body + "\n\n" + HEADER + "b\n")
    assert [t.music for t in read_tunes(path, errors="skip")] == [("a",), ("b",)]


def test_headers_that_do_not_parse(tmp_path: Path) -> None:
    for text, what, line in [
        ("X:1\nabc|\nK:C\n", "music before the key", 2),
        ("X:1\nM:3/7\nK:C\na", "there is no metre", 2),
        ("X:1\nL:x\nK:C\na", "there is no length", 2),
        ("X:1\nK:Cfoo\na", "there is no mode", 2),
    ]:
        with pytest.raises(InputError, match=what) as error:
            parse(text, where="b.abc")
        assert f"b.abc:{line}, tune 1" in str(error.value.where)
    path = tmp_path / "a.abc"
    for content, what in [
        ("", "no tune"),
        ("X:1\nT:A\n", "the tune has no key"),
        ("words\n", "no tune"),
        ("X:1\nK:C\nabc|\n\ndef|\n", "music behind an empty line"),
        (b"\x00\x01", "binary"),
        (b"X:1\nT:\xe9\nK:C\na", "not UTF-8"),
    ]:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(InputError, match=what):
            read_tunes(path)
    with pytest.raises(InputError, match="no such file"):
        read_tunes(tmp_path / "none.abc")
    with pytest.raises(InputError, match="errors="):
        read_tunes(path, errors="ignore")  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.abc file"):
        read_tunes(tmp_path / "empty")
    with pytest.raises(InputError, match="cannot be transposed"):
        tune("a", key="none").transposed(1)
    with pytest.raises(InputError, match="2 tunes"):
        parse("X:1\nK:C\na\nX:2\nK:C\na")


def test_music21_hears_the_same() -> None:
    music21 = pytest.importorskip("music21")
    made = [
        ("6/8", "G", 'd|"G"g2g B^AB|d2d G3|{e}d2c (3BAG A|c3- c2:|'),
        ("4/4", "Bm", "B2|[1 F4 =A2^A2:|[2 (3c2d2e2 f4||[df]4 z2 F,2|B8|]"),
        ("3/4", "Ador", "A/2B/2|^c2 c2 =c2|_e4 f2-|f6|]"),
    ]
    for metre, key, body in made:
        ours = tune(body, key=key, metre=metre)
        score = music21.converter.parseData("%abc-2.1\n" + write(ours), format="abc")
        theirs = [
            (sorted(p.midi for p in n.pitches), F(n.quarterLength).limit_denominator(96) / 4)
            for n in score.flatten().notesAndRests
            if not isinstance(n, music21.harmony.Harmony)
        ]
        found = [
            (sorted(s.pitch for s in e.signs), e.duration) for b in bars(ours) for e in b.events
        ]
        assert theirs == found
