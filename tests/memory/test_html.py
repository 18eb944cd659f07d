"""The page: valid, complete, alone in the world, and open to a keyboard and a screen reader."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest
from toys import delay

from clew.memory import Settings, Table, examine
from clew.memory.html import page
from clew.memory.report_files import pictures

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Reader(HTMLParser):
    """Elements as they open and close; every one must be closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in self.open:
            self.texts[tag][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


class Fake:
    """A finding with awkward names."""

    name, title, method = "fake", "A <b>title</b> & more", 'By "hand" <script>alert(1)</script>.'

    def words(self):
        return ["It says </li><script>x</script>. <b>Then</b> more.", "And </section> more."]

    def tables(self):
        rows = [["<td>", 1, 0.123456789, None], ["\u2423", 2, 1e-9, float("nan")]]
        return [Table("A & B", ["", "n<", "x", "y"], rows)]

    def draw(self, figure):
        figure.subplots().plot([0, 1], [1, 0])

    def size(self):
        return (2.0, 1.0)

    def data(self):
        return {}


@pytest.fixture(scope="module")
def whole():
    """A whole page; of its pictures one of lines is drawn, and one with an image in it."""
    report = examine(delay(3, length=24), settings=Settings(reach=8, lags=4, cases=8))
    others = set(report.findings) - {"linear-memory", "states"}
    return report._page({name: [b"<?xml", b"PNG"] for name in others})


def test_it_is_valid_and_its_headings_are_in_order(whole):
    read = Reader(whole)
    assert whole.startswith("<!DOCTYPE html>\n<html lang=")
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h\d", tag)]
    assert levels == [1] + [2] * (len(levels) - 1)
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in read.tags:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
    links = [attributes["href"] for attributes in read.all("a")]
    assert links[0] == "#main"
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_it_loads_nothing_and_runs_nothing(whole):
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", whole)
    [policy] = [a["content"] for a in Reader(whole).all("meta") if "http-equiv" in a]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert not re.search(
        r"https?:|//|url\(|@import|<script|<link|<iframe|javascript|\son\w+=", bare
    )
    for image in Reader(whole).all("img"):
        drawn = base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,"))
        assert drawn.startswith(b"<?xml")
        loads = re.findall(rb"href=\"(?!#|data:image/png;base64)([^\"]*)\"", drawn)
        assert loads == []
        assert b"<script" not in drawn


def test_every_picture_has_words_and_a_table_and_can_be_reached_by_keyboard(whole):
    read = Reader(whole)
    for section in re.findall(r"<section id=.*?</section>", whole, re.DOTALL):
        part = Reader(section)
        for image in part.all("img"):
            assert len(image["alt"]) > 40
        assert part.all("table"), section[:200]
        assert part.texts["summary"][0].startswith("The numbers of this picture (")
        assert "How it was measured." in part.texts["strong"][0]
    for region in (a for a in read.all("div") if a.get("class", "").startswith("scroll")):
        assert (region["role"], region["tabindex"]) == ("group", "0")
        assert region["aria-label"]
    for table in re.findall(r"<table.*?</table>", whole, re.DOTALL):
        part = Reader(table)
        assert part.texts["caption"][0]
        scopes = {cell.get("scope") for cell in part.all("th")}
        assert scopes == ({"row"} if 'class="depths"' in table else {"col", "row"})
        wide = {row.count("<td") + row.count("<th ") for row in re.findall("<tr>.*?</tr>", table)}
        assert len(wide) == 1


def test_it_follows_the_reader_in_light_and_width_and_print(whole):
    [style] = re.findall("<style>(.*?)</style>", whole, re.DOTALL)
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
    assert "width=device-width" in whole
    assert style.count("{") == style.count("}")


def test_the_answer_stands_first_in_large_letters_with_a_bar_for_each_instrument(whole):
    read = Reader(whole)
    assert read.texts["h1"] == ["How far back does it remember?"]
    [short] = re.findall(r'<section class="short".*?</section>', whole, re.DOTALL)
    part = Reader(short)
    assert part.texts["p"][0] == "3 symbols 95 % interval: 3 to 3"
    assert part.texts["p"][1].startswith("With the 3 symbols before the current one it does as")
    assert part.texts["p"][-1] == (
        "The model was asked at 8 steps of the data (seed 0). All means what there is from there, "
        "8 elements at most."
    )
    rows = re.findall(r'scope="row">([\w ]+) <.*?"count">([^<]*)<.*?width:([\d.]+)%', short)
    assert [name for name, _, _ in rows] == [
        "What it uses", "What its gradient feels", "What its state keeps",
    ]  # fmt: skip
    steps = [int(count.split()[0]) for _, count, _ in rows]
    assert [float(width) for _, _, width in rows] == [
        pytest.approx(100 * n / max(steps), abs=0.05) for n in steps
    ]
    assert steps[0] == 3
    assert not any(line.startswith("Looks back 3") for line in part.texts["li"])  # said above


def test_what_is_not_ours_is_escaped():
    text = page(
        'a <model> & "such"', "note <i>", "asked <u>", ["sum </ul>"], {"fake": Fake()},
        {"x": "<why>"}, {},
    )  # fmt: skip
    read = Reader(text)
    assert "<script>" not in text
    assert read.texts["title"] == ['How far back does it remember? a <model> & "such"']
    assert "A <b>title</b> & more" in read.texts["h2"]
    assert [*read.texts["th"][3:4], *read.texts["td"][1:4]] == ["<td>", "1", "0.1235", "–"]
    assert read.texts["h2"][-1] == "What could not be measured"
    assert "x: <why>" in read.texts["li"]
    assert {"It says </li><script>x</script>. <b>Then</b> more.", "asked <u>"} <= {*read.texts["p"]}
    assert read.all("img")[0]["alt"].startswith("A <b>title</b>")


def test_a_picture_is_the_same_bytes_whenever_it_is_drawn():
    lines, dots = pictures(Fake(), "svg", "png")
    assert [lines, dots] == pictures(Fake(), "svg", "png")
    assert [lines] == pictures(Fake(), "svg")
    assert dots[:4] == b"\x89PNG"
    width, height = (int.from_bytes(dots[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (300, 150)


def test_of_a_picture_of_very_many_lines_the_dots_are_taken(monkeypatch):
    given = ("m", "", "", [], {"fake": Fake()}, {}, {})
    assert 'src="data:image/svg+xml;base64,' in page(*given)
    monkeypatch.setattr("clew.memory.html._LARGE", 1000)
    assert 'src="data:image/png;base64,iVBOR' in page(*given)
