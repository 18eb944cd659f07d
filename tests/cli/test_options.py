import inspect

import pytest

from clew import Classifier, LanguageModel
from clew.cli.options import MEANING, parameters

ESTIMATORS = [("classify", Classifier), ("language", LanguageModel)]


@pytest.mark.parametrize(("module", "kind"), ESTIMATORS)
def test_what_is_read_from_the_source_is_what_the_constructor_takes(module, kind):
    truth = inspect.signature(kind).parameters
    read = parameters(module, kind.__name__)
    assert [p.name for p in read] == list(truth)
    assert {p.name: p.default for p in read} == {n: p.default for n, p in truth.items()}


@pytest.mark.parametrize(("module", "kind"), ESTIMATORS)
def test_every_hyperparameter_is_an_option_with_a_meaning_and_its_default(clew, module, kind):
    text = " ".join(clew("fit", module, "--help").out.split())
    for name, parameter in inspect.signature(kind).parameters.items():
        assert f"--{name.replace('_', '-')} " in text
        if name == "time":
            continue
        assert name in MEANING
        words = {"True": "yes", "False": "no", "None": "none", "20000": "20,000", "10000": "10,000"}
        shown = words.get(str(parameter.default), str(parameter.default))
        assert f"{MEANING[name][1]} [{shown}]" in text


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("", {}),
        ("--epochs 3 --learning-rate 0.01", {"epochs": 3, "learning_rate": 0.01}),
        ("--clip none --patience none", {"clip": None, "patience": None}),
        ("--clip 0.5 --max-length 7", {"clip": 0.5, "max_length": 7}),
        ("--no-bidirectional --pool attention", {"bidirectional": False, "pool": "attention"}),
        ("--seed 5 --device cpu", {"seed": 5, "device": "cpu"}),
    ],
)
def test_what_is_typed_reaches_the_estimator_and_nothing_else_does(
    clew, here, monkeypatch, typed, given
):
    seen = {}

    def constructor(self, **settings):
        seen.update(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr(Classifier, "__init__", constructor)
    clew("fit", "classify", "reviews.csv", *typed.split())
    assert seen == {**given, "time": None}
