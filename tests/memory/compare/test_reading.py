"""What each task reads, and that what is held out is learnt from by nobody."""

import json
import wave

import numpy as np
import pytest

from clew import InputError
from clew.memory.compare import Plan
from clew.memory.compare.contest import TaskContest
from clew.memory.compare.reading import _divided


class Noting:
    """In place of an estimator: keeps what it was to be fitted to."""

    held_out = 0.25
    missing = "refuse"
    notation = "auto"

    def fit(self, *learned, validation, report, **_):
        self.learned, self.validation = learned, validation


def noted(plan):
    contest = TaskContest(plan)
    model = Noting()
    contest.material.fit(model, contest.material.held, None)
    return model.learned, model.validation, contest.material.asked


def sound(path):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(np.zeros(800, np.int16).tobytes())


FILES = {
    "classify": ("a.csv", "text,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(40))),
    "language": ("a.txt", "".join(f"line {n}\n" for n in range(40))),
    "tag": ("a.conll", "".join(f"w{n} A\nv{n} B\n\n" for n in range(40))),
    "translate": ("a.tsv", "".join(f"source {n % 30}\ttarget {n}\n" for n in range(40))),
    "transcribe": ("a.jsonl", "".join(
        f'{{"audio": "{n}.wav", "text": "say {n}"}}\n' for n in range(40)
    )),
}  # fmt: skip


@pytest.mark.parametrize("task", FILES)
def test_a_share_is_held_out_and_not_learnt_from(task, tmp_path):
    name, text = FILES[task]
    (tmp_path / name).write_text(text)
    if task == "transcribe":
        for n in range(40):
            sound(tmp_path / f"{n}.wav")
    plan = Plan(task, (str(tmp_path / name),))
    learned, validation, held = noted(plan)
    again = noted(plan)
    assert validation == held
    if task == "language":
        assert learned[0] + held == text
        assert 0 < len(held) < len(text) / 5
        return
    if task == "transcribe":
        inside, aside = learned[0].paths, held.paths
        assert len(held) == len(held.texts) == len(held.parts)
        assert held.paths == again[2].paths
    else:
        inside, aside = ([str(x) for x in side[0]] for side in (learned, held))
        assert aside == [str(x) for x in again[2][0]]
        assert len(learned[0]) == len(learned[1])
    assert not set(inside) & set(aside)
    assert len(inside) + len(aside) == 40
    assert 0 < len(aside) < 10


@pytest.mark.parametrize("task", ["classify", "language", "tag", "translate"])
def test_what_is_to_be_held_out_may_be_given(task, tmp_path):
    name, text = FILES[task]
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "one" / name).write_text(text)
    (tmp_path / "other" / name).write_text(text[: len(text) // 2].rpartition("\n\n" if task == "tag"
                                           else "\n")[0] + "\n")  # fmt: skip
    learned, validation, held = noted(
        Plan(task, (str(tmp_path / "one" / name),), validation=str(tmp_path / "other" / name))
    )
    assert validation == held
    assert len(learned[0]) == (len(text) if task == "language" else 40)


def test_forecasters_hold_out_the_end_of_each_series_themselves(tmp_path):
    (tmp_path / "a.csv").write_text("ds,y\n" + "".join(f"{n},{n}\n" for n in range(40)))
    (path,), validation, held = noted(Plan("forecast", (str(tmp_path / "a.csv"),)))
    assert path == held == tmp_path / "a.csv"
    assert validation is None


def test_tunes(tmp_path):
    tune = "X:{0}\nT:t{0}\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n\n"
    (tmp_path / "a.abc").write_text("".join(tune.format(n) for n in range(1, 21)))
    (learned,), validation, held = noted(Plan("compose", (str(tmp_path / "a.abc"),)))
    assert validation == held
    titles = [{one.title for one in side} for side in (learned, held)]
    assert len(titles[0]) + len(titles[1]) == 20
    assert not titles[0] & titles[1]


@pytest.mark.parametrize("parts", [(), ("valid",), ("valid", "test")])
def test_rolls_are_held_out_and_tested_by_part(parts, tmp_path):
    pieces = [[[40 + n], [41 + n], []] for n in range(20)]
    cut = {"train": pieces[:12], "valid": pieces[12:16], "test": pieces[16:]}
    whole = {name: cut[name] for name in ("train", *parts)} if parts else pieces
    place = tmp_path / "a.json"
    place.write_text(json.dumps(whole))
    told = {"test": str(place)} if "test" in parts else {}
    material = TaskContest(Plan("compose", (str(place),), **told)).material
    model = Noting()
    material.fit(model, material.held, None)
    learned, held, test = (
        [roll.pitches[0][0] for roll in part] if part else []
        for part in (model.learned[0], material.held, material.test)
    )
    assert material.asked is material.held
    assert not set(learned) & set(held)
    assert len(set(learned + held)) == (16 if parts else 20)
    assert len(held) == (4 if parts else 2)
    assert len(test) == (4 if "test" in parts else 0)
    assert not set(test) & set(learned + held)


def test_shares_are_never_all_or_nothing():
    for count in range(2, 30):
        inside, aside = _divided(count, 0.01)
        assert sorted(inside + aside) == list(range(count))
        assert len(aside) == 1
    assert len(_divided(2, 0.9)[0]) == 1
    with pytest.raises(InputError, match="the data have 1 example"):
        _divided(1, 0.1)


def test_one_file_but_for_texts_of_a_language_model(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("some text, and more of it\n" * 3)
    both = tuple(str(tmp_path / name) for name in ("a.txt", "b.txt"))
    learned, _, held = noted(Plan("language", both))
    assert len(learned[0] + held) == 2 * 78
    with pytest.raises(InputError, match="several files"):
        TaskContest(Plan("tag", both))
    with pytest.raises(InputError, match="gone"):
        TaskContest(Plan("language", (str(tmp_path / "gone"),)))
