"""A text coloured by a unit: its numbers, its spans, and what a terminal without colours says."""

import html.parser
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from toys import Toy, leaky

import clew.nn
from clew import InputError
from clew.memory.coloured import Coloured, coloured
from clew.memory.states import states
from clew.memory.subject import Case


def by_hand(names, values, **more):
    facts = {"unit": "1:2", "quantity": "h", "middle": 0.0, "most": 1.0, "spaced": False} | more
    return Coloured(("character", "characters"), names, np.array(values), chosen="", **facts)


def toy(reader):
    table = torch.rand(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return Toy("by hand", reader.double().eval(), None, None, table)


class Spans(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.open += 1
        if tag == "span":
            self.found.append([dict(attributes), ""])

    def handle_endtag(self, tag):
        self.open -= 1

    def handle_data(self, data):
        self.found[-1][1] += data


def printed(finding, **options):
    out = io.StringIO()
    finding.show(Console(file=out, width=40, **options))
    return out.getvalue()


def test_values_are_those_of_the_heat_map():
    torch.manual_seed(0)
    subject = toy(clew.nn.Stack(3, 4, 2))
    case = Case(np.random.default_rng(0).integers(0, 5, 30), 24, 0)
    for quantity in ("h", "c", "f"):
        found = coloured(subject, case, "2:3", quantity=quantity)
        truth = states(subject, case, units=["2:3"]).values[quantity][:, 0]
        np.testing.assert_array_equal(found.values, truth)
        assert found.names == subject.names(case)[:25]
    assert coloured(subject, case, "2:3").quantity == "c"
    assert (found.middle, found.most) == (0.5, 0.5)


def test_the_unit_chosen_varies_most_of_those_that_hold_on():
    torch.manual_seed(0)
    subject = toy(clew.nn.LSTM(3, 30))
    case = Case(np.random.default_rng(0).integers(0, 5, 40), 39, 0)
    found = coloured(subject, case)
    every = states(subject, case, most=10)
    assert found.unit == every.units[every.values["c"].std(0).argmax()]


def test_spans_are_the_text_with_its_numbers():
    names = ["<", "a", "\n", "&", '"']
    text = by_hand(names, [1.0, -1.0, 0.05, 0.5, -0.123]).html()
    spans = Spans(text)
    assert [inner for _, inner in spans.found] == names
    assert [one["title"] for one, _ in spans.found] == [
        "1.000",
        "-1.000",
        "0.050",
        "0.500",
        "-0.123",
    ]
    assert [one.get("style", "").rpartition(" ")[2] for one, _ in spans.found] == [
        "solid", "dotted", "", "solid", "dotted",
    ]  # fmt: skip
    assert spans.open == 0
    assert "http" not in text


def test_black_on_every_colour_can_be_read():
    spans = Spans(by_hand(["a"] * 5, [-1.0, -0.6, 0.2, 0.7, 1.0]).html()).found
    for one, _ in spans:
        colour = one["style"].partition("#")[2][:6]
        parts = [int(colour[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert (light + 0.05) / 0.05 >= 4.5  # WCAG 2, contrast with black


def test_without_colours_marks_stand_below_the_text():
    finding = by_hand(list("abcdef\ngh"), [1.0, 0.3, 0.0, -0.3, -1.0, 0.5, 0.0, -0.51, 0.1])
    lines = finding.plain().splitlines()
    assert lines[:4] == ["abcdef⏎", "#+.-=#.", "gh", "=+"]
    assert printed(finding, no_color=True).startswith("abcdef⏎\n#+.-=#.\ngh\n=+\n")
    assert printed(finding).startswith("abcdef⏎\n#+.-=#.\n")
    assert "\x1b" not in printed(finding)


def test_words_keep_their_width_and_lines_theirs():
    names = ["one", "[bold]", "日本", "x" * 50]
    finding = by_hand(names, [1.0, -1.0, 0.6, -0.6], spaced=True)
    lines = finding.plain(20).splitlines()
    assert lines[:4] == ["one [bold] 日本", "### ====== ####", "x" * 19 + "…", "=" * 20]
    assert "[bold]" in printed(finding)
    coloured_lines = printed(finding, force_terminal=True, color_system="truecolor")
    assert "\x1b[4;30;48;2;" in coloured_lines
    assert "[bold]" in coloured_lines


@pytest.mark.parametrize("names", [list("ab\n $x^2"), ["日本", "\t", "", "\x07", "two words"]])
def test_any_text_can_be_drawn(names):
    finding = by_hand(names, np.linspace(-1, 1, len(names)))
    figure = Figure(figsize=finding.size(), layout="constrained")
    finding.draw(figure)
    FigureCanvasAgg(figure).draw()
    assert len(figure.axes[0].texts) == len(names)
    json.dumps(finding.data(), allow_nan=False)
    assert len(finding.tables()[0].rows) == len(names)


def test_words_say_where_it_is_far_off():
    finding = by_hand(list("abcd"), [0.9, -0.9, -0.8, 0.0])
    told = finding.words()
    assert "far above 0 at 25 % of them, far below at 50 %" in told[0]
    assert told[1].startswith("It is highest after 'a' (0.90)")
    assert told[2].startswith("It is lowest after 'b' (-0.90), 'c' (-0.80)")


def test_a_unit_that_does_nothing_is_plain():
    torch.manual_seed(0)
    subject = toy(clew.nn.RNN(3, 2))
    with torch.no_grad():
        for weight in subject.reader.parameters():
            weight.zero_()
    found = coloured(subject, Case(np.arange(5), 4, 0))
    assert found.most == 1.0
    assert "background:#f" not in found.html().partition("<span")[2]


def test_what_cannot_be_coloured():
    torch.manual_seed(0)
    subject = toy(clew.nn.GRU(3, 2))
    case = Case(np.arange(5), 4, 0)
    with pytest.raises(InputError, match="no unit"):
        coloured(subject, case, "1:3")
    with pytest.raises(InputError, match="layer 1 has no 'c'"):
        coloured(subject, case, "1:1", quantity="c")
    numbers = leaky(0.5)
    with pytest.raises(InputError, match="no text"):
        coloured(numbers, numbers.cases(1, 5)[0])
    assert replace(coloured(subject, case, "2"), unit="x").unit == "x"
