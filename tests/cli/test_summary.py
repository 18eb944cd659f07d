import pytest

from clew.cli.summary import _verdict


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
    assert said in " ".join(_verdict(gain, noise, "points", "n-grams"))
