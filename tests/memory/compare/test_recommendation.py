"""What is recommended, and what is said of it, where the scores are given."""

from comparisons import BITS, ERROR, comparison

from clew.memory.compare.contest import FIGURES


def said(*given, **more):
    return " ".join(comparison(*given, **more).words())


def test_the_cheapest_within_the_spread_of_the_best_is_taken():
    found = comparison(
        {"lstm": [0.80, 0.84], "gru": [0.805, 0.815], "rnn": [0.70, 0.72]},
        costs={"lstm": 60.0, "gru": 40.0, "rnn": 10.0},
    )
    assert found.chosen.entrant.name == "gru"
    assert found.words()[0] == (
        "Take the GRU: accuracy 81.0 % (80.5 % to 81.5 % over 2 seeds), within the spread of the "
        "best, the LSTM (82.0 %), and cheaper to run step by step: 40 µs a step against 60 µs a "
        "step."
    )
    assert "The seeds of the LSTM and of the GRU overlap." in found.words()


def test_a_step_costs_what_it_costs_where_it_is_served():
    found = comparison(
        {"window": [0.80, 0.84], "gru": [0.805, 0.815]}, costs={"window": 133.4, "gru": 150.0},
        streams={"gru": 3.512},
    )  # fmt: skip
    assert found.chosen.entrant.name == "gru"
    assert found.words()[0].endswith(
        "cheaper to run step by step: 3.51 µs a step in a stream against 133 µs a step, which has "
        "no stream."
    )
    both = comparison(
        {"rnn": [0.80, 0.84], "gru": [0.805, 0.815]}, costs={"gru": 1.0},
        streams={"rnn": 9.0, "gru": 3.0},
    )  # fmt: skip
    assert both.words()[0].endswith("3 µs a step in a stream against 9 µs a step in a stream.")


def test_costs_that_are_nearly_the_same_choose_nothing():
    scores = {"lstm": [0.80, 0.84], "gru": [0.805, 0.815]}
    near = comparison(scores, costs={"lstm": 60.0, "gru": 50.0})
    assert near.chosen.entrant.name == "lstm"
    assert near.words()[0].endswith(
        "the best; no other within its spread is clearly cheaper to run (60 µs a step)."
    )
    assert comparison(scores, costs={"lstm": 63.0, "gru": 50.0}).chosen.entrant.name == "gru"


def test_costs_that_were_taken_on_a_busy_machine_are_told_of():
    two = {"lstm": [0.80, 0.84], "gru": [0.7, 0.71]}
    assert "rough" not in said(two)
    assert "rough" not in said(two, rounds=[50.0, 99.0])
    assert "rough: of each it more than doubled from round to round" in said(
        two, rounds=[50.0, 101.0]
    )
    found = comparison(two, busy="this machine is busy (load 3.0 on 4 cores): expect wide figures")
    assert "The machine was busy: what a step costs is rough." in " ".join(found.words())
    assert "load 3.0" in found.data()["busy"]
    assert not found.data()["networks"][0]["unsteady"]


def test_the_best_is_taken_where_no_other_mean_lies_within_its_spread():
    found = comparison(
        {"lstm": [0.80, 0.82], "rnn": [0.70, 0.81]}, costs={"lstm": 60.0, "rnn": 10.0}
    )
    assert found.chosen.entrant.name == "lstm"
    assert "no other's mean lies within its spread" in found.words()[0]
    apart = comparison({"lstm": [0.80, 0.82], "rnn": [0.70, 0.71]})
    assert "better with every seed than any other with any" in apart.words()[0]
    assert "overlap" not in " ".join(apart.words())


def test_less_is_better_where_it_is():
    found = comparison(
        {"lstm": [2.0, 2.1], "gru": [2.08, 2.12], "rnn": [2.5, 2.6]}, figure=BITS,
        costs={"gru": 20.0}, baseline=("3-grams", 2.4),
    )  # fmt: skip
    assert [row.entrant.name for row in found.ranked] == ["lstm", "gru", "rnn"]
    assert found.chosen.entrant.name == "gru"
    assert "3-grams scores 2.4, 0.35 bits a character behind the best network" in said(
        {"lstm": [2.0, 2.1]}, figure=BITS, baseline=("3-grams", 2.4)
    )


def test_of_one_seed_nobody_knows_the_spread():
    words = said({"lstm": [0.8], "gru": [0.79]}, costs={"gru": 1.0})
    assert "Take the LSTM" in words
    assert "best score of this one seed" in words
    assert "One seed only" in words
    assert "whether 1 point to the GRU mean more" in words
    assert "whether 100 points to the GRU" in said({"lstm": [1.0], "gru": [0.0]})
    assert "whether 1,234 nats a piece to the GRU" in said(
        {"lstm": [1.0], "gru": [1235.0]}, figure=FIGURES["translate"][0]
    )


def test_one_network_alone():
    assert "the only one that ran" in said({"lstm": [0.8, 0.81]})
    assert "the only one that ran" in said({"lstm": [0.8]})


def test_all_alike():
    words = said({"lstm": [0.8, 0.84], "gru": [0.79, 0.83], "rnn": [0.78, 0.81]})
    assert "The seeds of the LSTM overlap with those of every other: more seeds may" in words
    two = said({"lstm": [0.8, 0.84], "gru": [0.78, 0.81]})
    assert "the best; no other's mean lies within its spread. The seeds of the LSTM and" in two


def test_what_memory_earns():
    lstm = {"lstm": [0.80, 0.82]}
    assert "Memory earns its keep: word counts scores 70.0 %, 11 points behind" in said(
        lstm, baseline=("word counts", 0.7)
    )
    assert "cannot be told: word counts scores 80.5 %" in said(
        lstm, baseline=("word counts", 0.805)
    )
    assert "No network earns its keep here: word counts scores 90.0 %, 9 points ahead" in said(
        lstm, baseline=("word counts", 0.9)
    )
    assert "Memory" not in said(lstm)


def test_neither_side_wins_while_seeds_lie_on_both():
    for score in (0.79, 0.83):
        words = said({"lstm": [0.78, 0.84]}, baseline=("word counts", score))
        assert "Whether memory earns anything cannot be told: word counts scores" in words
        assert words.startswith("Take the LSTM")


def test_one_seed_is_no_proof_for_a_network_nor_against_it():
    words = said({"lstm": [0.9], "gru": [0.91]}, figure=BITS, baseline=("AR(23)", 0.8987))
    assert (
        "By this one seed no network earns its keep here: AR(23) scores 0.8987, 0.0013 bits a "
        "character ahead of the best network."
    ) in words
    assert "Take that" not in words
    ahead = said({"lstm": [0.9]}, baseline=("word counts", 0.7))
    assert "By this one seed memory earns its keep: word counts scores 70.0 %, 20 points" in ahead


def test_few_held_out_examples_leave_open_what_the_seeds_do_not():
    scores = {"lstm": [0.80, 0.82], "rnn": [0.70, 0.72]}
    words = said(scores, held_out=30, baseline=("word counts", 0.75))
    assert "On 30 held-out examples" in words
    assert "the RNN is behind" in words
    assert "Whether memory earns anything cannot be told" in words
    many = said(scores, held_out=100_000, baseline=("word counts", 0.75))
    assert "held-out examples" not in many
    assert "Memory earns its keep" in many


def test_a_window_that_is_as_good():
    words = said({"lstm": [0.80, 0.82], "window": [0.81, 0.83]})
    assert "The window of 8 cannot be told from the best cell, the LSTM" in words
    assert "carried further than the window earns nothing" in words
    ahead = {"lstm": [0.80, 0.82], "window": [0.86, 0.87]}
    assert "The window of 8 does better than the best cell, the LSTM" in said(ahead)
    assert "The window of 8 cannot be told from" in said(ahead, held_out=30)
    assert "carried further" not in said({"lstm": [0.80, 0.82], "window": [0.5, 0.6]})


def test_it_is_not_memory_that_earns_where_a_window_does_best():
    words = said({"gru": [0.7, 0.71], "window": [0.9, 0.91]}, baseline=("word counts", 0.6))
    assert "A network earns its keep: word counts scores 60.0 %" in words
    assert "Memory" not in words
    near = said({"transformer": [0.6, 0.62]}, baseline=("word counts", 0.61))
    assert "Whether a network earns anything cannot be told" in near


def test_where_the_baseline_wins_nobody_is_told_to_take_a_network_and_then_another():
    words = said({"lstm": [0.8, 0.81], "gru": [0.7, 0.71]}, baseline=("word counts", 0.9))
    assert words.startswith("Of the networks take the LSTM")
    assert words.count("Take") == 1


def test_scores_that_are_the_same():
    found = comparison({"lstm": [0.8], "gru": [0.8]}, costs={"lstm": 30.0})
    assert found.chosen.entrant.name == "lstm"
    first, second, *_ = found.words()
    assert first.endswith(
        "the best score of this one seed; no other that reaches it is clearly cheaper to run "
        "(30 µs a step)."
    )
    assert second == (
        "One seed only: how far scores spread by chance is unknown. --seeds 3 would tell."
    )
    several = comparison({"lstm": [1.0, 1.0], "gru": [1.0, 1.0]}, costs={"gru": 20.0})
    assert several.words()[1] == "All score the same, with every seed."
    assert several.words()[0].endswith(
        "the best; no other within its spread is clearly cheaper to run (20 µs a step)."
    )


def test_the_choice_is_made_by_what_is_held_out_and_its_worth_is_that_of_the_test():
    scores, tests = {"lstm": [0.9, 0.92], "gru": [0.8, 0.82]}, {
        "lstm": [0.7, 0.74], "gru": [0.78, 0.8],
    }  # fmt: skip
    found = comparison(scores, tests=tests, baseline=("word counts", 0.75, 0.8))
    assert found.chosen.entrant.name == "lstm"
    words = found.words()
    assert words[1] == (
        "On the test, which chose nothing, the LSTM scores 72.0 % (70.0 % to 74.0 %); the best "
        "there is the GRU with 79.0 %."
    )
    assert "No network earns its keep here: word counts scores 80.0 % on the test, 8 points" in (
        " ".join(words)
    )
    alone = comparison({"lstm": [0.9]}, tests={"lstm": [0.8]}, baseline=("word counts", 0.7, 0.75))
    assert alone.words()[1] == "On the test, which chose nothing, the LSTM scores 80.0 %."
    unknown = said(scores, tests=tests, baseline=("word counts", 0.75))
    assert "word counts scores 75.0 %, 16 points behind" in unknown
    better = said({"lstm": [0.9], "gru": [0.8]}, tests={"lstm": [0.8], "gru": [0.7]})
    assert "scores 80.0 %, and no other scores better." in better
    few = said(scores, tests=tests, tested=100)
    assert "the best there is the GRU with 79.0 %." in few
    fewer = said(scores, tests=tests, tested=30)
    assert "the best there is the GRU with 79.0 %, which may be chance." in fewer


def test_chance_on_a_test_is_by_its_own_number_of_examples():
    told = {"tests": {"lstm": [0.8, 0.81]}, "baseline": ("word counts", 0.7, 0.75)}
    lstm = {"lstm": [0.8, 0.81]}
    assert "cannot be told" in said(lstm, held_out=100_000, tested=50, **told)
    assert "Memory earns its keep" in said(lstm, held_out=50, tested=100_000, **told)


def test_a_network_of_which_nothing_is_left_earns_nothing():
    words = said(
        {"gru": [0.8, 0.8], "lstm": [0.8, 0.8]}, baseline=("AR", 0.9), figure=BITS, share=0
    )
    assert "No network earns its keep here: AR scores 0.9." in words
    assert words.startswith("Of the networks take the")
    assert "Nothing of the GRU and the LSTM is in the forecasts" in words
    some = said({"gru": [0.8, 0.8]}, baseline=("AR", 0.9), figure=BITS, share=0.25)
    assert "Memory earns its keep" in some
    assert "Nothing of" not in some


def test_more_words_wrong_than_there_are_words():
    wrong = FIGURES["transcribe"][0]
    words = said({"lstm": [1.3, 1.4], "gru": [1.5, 1.6]}, figure=wrong, held_out=20)
    assert "Take the LSTM: words wrong 135.0 %" in words


def test_learning_rates():
    two = {"lstm": [0.8, 0.81], "gru": [0.7, 0.71]}
    assert "All learnt with one learning rate, 0.002" in said(two)
    assert "--rates 0.0007,0.002,0.006" in said(two)
    assert "learning rate" not in said({"lstm": [0.8, 0.81]})
    inner = {0.003: 0.8, 0.001: 0.7, 0.01: None}
    assert "learning rate" not in said(two, rates={"lstm": inner, "gru": inner})
    outer = {0.01: 0.8, 0.003: 0.7, 0.001: 0.6}
    assert "an outermost did best for the GRU: one further out" in said(
        two, rates={"lstm": inner, "gru": outer}
    )
    assert "an outermost did best for each" in said(two, rates={"lstm": outer, "gru": outer})
    assert "outermost" not in said(
        {"lstm": [0.9]}, rates={"lstm": {0.01: 1.0, 0.001: 0.5, 0.1: 0.5, 0.0001: 0.2}}
    )
    assert "outermost" not in said({"lstm": [0.9]}, rates={"lstm": {0.01: 1.0, 0.001: 1.0}})


def test_a_probe_is_learnt_or_not():
    told = {"task": "probe", "held_out": 500, "baseline": ("chance", 0.125)}
    words = said({"lstm": [0.99, 1.0]}, **told)
    assert words.startswith("Take the LSTM")
    assert words.endswith("Chance is 12.5 %.")
    none = comparison({"lstm": [0.1, 0.2], "gru": [0.11, 0.12]}, **told)
    assert none.words()[0] == (
        "Take none: none has learnt it. The LSTM comes furthest, accuracy 15.0 % (10.0 % to "
        "20.0 % over 2 seeds)."
    )
    assert none.chosen is None
    assert "carried further" not in said({"lstm": [0.1, 0.2], "window": [0.1, 0.2]}, **told)
    assert none.data()["chosen"] is None
    assert "Chance is 0.1667" in said(
        {"lstm": [0.001]}, task="probe", figure=ERROR, baseline=("chance", 1 / 6)
    )


def test_who_does_no_better_than_a_shortcut_has_learnt_nothing():
    base = ("shortcut", 0.36, None, "naming the value that came most often", 0.125)
    told = {"task": "probe", "held_out": 500, "baseline": base}
    words = said({"lstm": [0.35], "gru": [0.33]}, **told)
    assert words.startswith("Take none: none has learnt it. The LSTM comes furthest")
    assert (
        words.count(
            "The shortcut scores 36.0 %: naming the value that came most often; chance is 12.5 %."
        )
        == 1
    )
    # Two shares of 500 differ by 3 points by chance, and the best of several by more.
    assert said({"lstm": [0.40]}, **told).startswith("Take none")
    assert said({"lstm": [0.44]}, **told).startswith("Take the LSTM")
    error = {"task": "probe", "figure": ERROR, "baseline": ("chance", 1 / 6)}
    assert said({"lstm": [0.155]}, **error).startswith("Take none")
    assert said({"lstm": [0.145]}, **error).startswith("Take the LSTM")


def test_of_a_probe_only_what_has_learnt_it_is_taken_for_its_cost():
    found = comparison(
        {"lstm": [0.99, 0.12], "rnn": [0.13, 0.14]}, costs={"rnn": 1.0}, task="probe",
        held_out=500, baseline=("chance", 0.125),
    )  # fmt: skip
    assert found.chosen.entrant.name == "lstm"
    assert "Chance is 12.5 %. 1 of the 2 seeds of the LSTM came no further." in found.words()


def test_sizes_that_come_out_unevenly_are_told():
    assert "of one size" not in said({"lstm": [0.8, 0.81]}, budget=1020)
    assert "Not quite of one size: the LSTM +11% parameters." in said(
        {"lstm": [0.8, 0.81]}, budget=900
    )
