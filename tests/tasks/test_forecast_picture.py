"""Pictures of forecasts: what they show, and where they cannot be written."""

import dataclasses
import xml.etree.ElementTree as ElementTree
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from forecasters import TINY, short_epochs  # noqa: F401

from clew.data.panel import Panel
from clew.errors import InputError
from clew.tasks._forecast import picture as pictures
from clew.tasks._forecast.picture import Drawn, picture
from clew.tasks.forecast import Forecaster


def drawn(title: str = "a", ahead: int = 3, dates: bool = True) -> Drawn:
    steps = np.arange(6 + ahead)
    truth = np.full(ahead, 5.0)
    truth[0] = np.nan
    return Drawn(
        title=title,
        dates=np.datetime64("2020-01-01") + steps if dates else steps,
        history=np.array([1.0, 2.0, np.nan, 2.0, 3.0, 4.0]),
        median=np.full(ahead, 4.5),
        bands={80: (np.full(ahead, 3.0), np.full(ahead, 6.0)),
               50: (np.full(ahead, 4.0), np.full(ahead, 5.0))},
        truth=truth,
        baselines={"drift": np.full(ahead, 4.0)},
    )  # fmt: skip


def texts(svg: bytes) -> str:
    comments = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    elements = ElementTree.fromstring(svg, comments).iter()
    return unescape(" ".join(element.text or "" for element in elements))


def test_a_picture_names_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "forecast.svg"
    data = picture([drawn("$1 & <b>"), drawn("日本 two")], path, value="passengers")
    assert path.read_bytes() == data
    said = texts(data)
    for name in ("history", "truth", "forecast", "80 % interval", "50 % interval", "drift",
                 "passengers", "$1 & <b>", "?? two"):  # fmt: skip
        assert name in said, name


def test_autoregressions_of_several_orders_are_one_kind_of_line(tmp_path: Path) -> None:
    def two(*orders: int) -> str:
        each = [
            dataclasses.replace(drawn(f"s{k}"), baselines={f"AR({k})": np.full(3, 4.0)})
            for k in orders
        ]
        return texts(picture(each, tmp_path / "p.svg"))

    assert "AR(p)" in two(3, 4)
    assert "AR(3)" not in two(3, 4)
    assert "AR(3)" in two(3, 3)


def test_the_ending_says_the_format(tmp_path: Path) -> None:
    begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".PDF": b"%PDF"}
    for ending, begin in begins.items():
        assert picture([drawn()], tmp_path / f"p{ending}").startswith(begin)
    for wrong in ("p.jpg", "p"):
        with pytest.raises(InputError, match="cannot be written as"):
            picture([drawn()], tmp_path / wrong)
    with pytest.raises(InputError, match="cannot be written: No such file"):
        picture([drawn()], tmp_path / "none" / "p.png")


@pytest.mark.parametrize("ahead", [1, 130])
def test_any_horizon_and_numbered_steps_can_be_drawn(ahead: int) -> None:
    assert len(picture([drawn(ahead=ahead, dates=False)])) > 5000


def test_of_many_series_the_first_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_MOST", 2)
    said = texts(picture([drawn(f"series {i}.") for i in range(3)], tmp_path / "p.svg"))
    assert [f"series {i}." in said for i in range(3)] == [True, True, False]
    assert picture([]).startswith(b"\x89PNG")


def test_a_forecaster_draws_how_its_series_go_on(tmp_path: Path) -> None:
    y = np.tile([5.0, 3.0, 8.0, 2.0], 12)
    series = Panel.of({"north": y, "south": 2 * y}, freq="month")
    model = Forecaster(**TINY).fit(series)
    path = tmp_path / "p.svg"
    said = texts(model.picture(path, 2))
    assert path.read_bytes().startswith(b"<?xml")
    assert all(name in said for name in ("north", "south", "80 % interval"))
    assert "seasonal naive" not in said  # of what was learned from, the history is not kept
    assert "seasonal naive" in texts(model.picture(path, data=series.select([1])))
    with pytest.raises(InputError, match="cannot be written as"):
        model.picture(tmp_path / "p.gif")
    with pytest.raises(InputError, match="horizon"):
        model.picture(horizon=5)


@pytest.mark.parametrize(("unit", "count"), [("M", 58), ("h", 74)])
def test_spans_that_few_intervals_fit_can_be_drawn(unit: str, count: int) -> None:
    """A locator that finds no interval warns, and a warning is an error here."""
    dates = (np.datetime64("2001-03-01", unit) + np.arange(count)).astype("M8[us]")
    one = Drawn("a", dates, np.arange(count - 3.0), np.full(3, 4.0))
    assert picture([one]).startswith(b"\x89PNG")
