import json
import re

import pytest

from clew.cli import demo
from clew.cli.demo import documentation, table


def test_the_documentation_is_the_same_each_time_and_no_paragraph_is_in_both_parts():
    learn, held_out = documentation()
    assert (learn, held_out) == documentation()
    assert len(learn) + len(held_out) > 200_000
    assert 0.88 < len(learn) / (len(learn) + len(held_out)) < 0.92

    def paragraphs(text: str) -> set[str]:
        return {" ".join(part.split()) for part in re.split(r"\n\s*\n", text)} - {""}

    assert not paragraphs(learn) & paragraphs(held_out)


@pytest.fixture
def short(monkeypatch):
    """A demo of a moment: little text, a tiny network."""
    monkeypatch.setattr(
        demo,
        "documentation",
        lambda: ("The cat sat. A dog ran. " * 200, "A cat ran. The dog sat. " * 20),
    )
    monkeypatch.setattr(demo, "SETTINGS", {**demo.SETTINGS, "hidden_size": 16, "epochs": 3})


def test_the_demo_tells_its_story_and_leaves_nothing_behind(clew, tmp_path, monkeypatch, short):
    monkeypatch.chdir(tmp_path)
    answer = clew("demo", "--time", "30s")
    assert answer.code == 0
    story = ["going to learn", "Before, it writes", "seconds (", "At the end (", "look back at",
             "the last one", "the last 10 ", "the last 100 ", "everything", "single characters",
             "-grams", "feedforward", "Next"]  # fmt: skip
    places = [answer.out.index(part) for part in story]
    assert places == sorted(places)
    assert max(len(line) for line in answer.out.splitlines()) < 80
    assert list(tmp_path.iterdir()) == []


def test_the_demo_keeps_the_model_where_asked_and_prints_json(clew, tmp_path, short):
    answer = clew("demo", "--time", "30s", "--json", "--out", tmp_path / "kept")
    found = json.loads(answer.out)
    bits = json.loads((tmp_path / "kept/metrics.json").read_text())
    assert found["everything"] == round(bits["score"]["bits_per_character"], 4)
    assert found["the last one"] > found["the last 10"] - 0.05
    assert clew("generate", tmp_path / "kept", "--prompt", "The ").code == 0
    again = clew("demo", "--out", tmp_path / "kept")
    assert again.code == 1
    assert "kept" in again.err


def test_the_demo_admits_it_when_memory_was_of_no_use():
    looks = [("the last one", 3.0, "look"), ("everything", 2.5, "look")]
    assert "worth 0.50 bits" in table([*looks, ("5-grams", 3.0, "other")])[-1]
    assert "did not earn its keep" in table([*looks, ("5-grams", 2.4, "other")])[-1]
