import pytest

from clew.cli.summary import _classified, _written, verdict


@pytest.mark.parametrize(
    ("gain", "noise", "said"),
    [
        (2.0, 0.5, "Memory earns its keep: 2 points ahead of n-grams."),
        (-2.0, 0.5, "Memory did not earn its keep here: 2 points behind n-grams."),
        (0.4, 0.5, "cannot be told"),
        (-0.4, 0.5, "cannot be told"),
    ],
)
def test_the_verdict_is_honest_in_both_directions_and_about_noise(gain, noise, said):
    assert said in " ".join(verdict(gain, noise, "points", "n-grams"))


def classified(accuracy, counts, majority, examples):
    baseline = {"name": "word counts", "accuracy": counts, "majority": majority}
    window = {"name": "window", "accuracy": 0.5}
    score = {"accuracy": accuracy, "examples": examples}
    metrics = {"score": score, "baseline": baseline, "window": window}
    return _classified(metrics, None)


@pytest.mark.parametrize(
    ("accuracy", "counts", "majority", "examples", "said"),
    [
        (0.9, 0.8, 0.5, 1000, "10 points of accuracy ahead of word counts"),
        (0.8, 0.9, 0.5, 1000, "10 points of accuracy behind word counts"),
        (0.9, 0.6, 0.95, 1000, "behind the most frequent label"),
        (0.9, 0.89, 0.5, 100, "cannot be told"),  # one text of a hundred
    ],
)
def test_the_best_without_memory_and_the_number_of_texts_decide(
    accuracy, counts, majority, examples, said
):
    assert (
        said in classified(accuracy, counts, majority, examples)[-1 if "behind" not in said else -2]
    )


def test_a_table_without_baselines_has_noverdict():
    lines = _classified(
        {"score": {"accuracy": 0.5, "examples": 4}, "baseline": {}, "window": {}}, None
    )
    assert [line.split() for line in lines] == [
        ["accuracy", "held", "out"],
        ["this", "model", "50.0", "%"],
        ["on", "4", "texts", "held", "out"],
    ]


def test_the_figures_of_a_language_model_stand_under_their_names():
    def row(bits):
        return {"bits_per_character": bits, "nats_per_character": bits / 2, "perplexity": bits + 1}

    lines = _written(
        {
            "score": row(2.0),
            "baseline": {"name": "5-grams", **row(2.5), "unigram": row(4.0)},
            "window": {"name": "window", **row(3.0)},
            "held_out": {"characters": 10_000},
        },
        row(2.25),
    )
    assert lines[1].split() == ["this", "model", "2.000", "1.000", "3.000"]
    assert [line.split()[-3] for line in lines[2:6]] == ["3.000", "2.500", "4.000", "2.250"]
    assert lines[-1] == "Memory earns its keep: 0.5 bits a character ahead of 5-grams."


def test_one_text_held_out_is_one_text():
    score = {"accuracy": 1.0, "examples": 1}
    metrics = {"score": score, "baseline": {}, "window": {}}
    assert _classified(metrics, None)[-1] == "on 1 text held out"
    score["examples"] = 1200
    assert _classified(metrics, None)[-1] == "on 1,200 texts held out"
