"""Lessons 1 to 8: right answers other than the solution pass, and usual mistakes do not."""

from collections.abc import Callable

import pytest

from clew.course.course import OURS, read_course
from clew.course.lesson import Challenge

COURSE = read_course(OURS)
Passes = Callable[[Challenge, str], bool]

# A part of the solution, and another that is as right.
RIGHT = [
    ("repair-the-bag", "sorted(a.split()) == sorted(b.split())",
     "all(a.split().count(w) == b.split().count(w) for w in (a + ' ' + b).split())"),
    ("one-word-too-many", "len(set(a.split()) & set(b.split()))",
     "sum(word in b.split() for word in set(a.split()))"),
    ("how-much-a-bag-forgets", "count //= math", "count = count / math"),
    ("read-it-in-order", "h = -1.0  #", "h = -h  #"),
    ("let-the-window-slide", "window = window[1:] + [x]", "window = window + [x]"),
    ("let-the-window-slide", "window = window[1:] + [x]", "window.append(x); window.pop(0)"),
    ("what-is-one-weight-worth", "before * now for before, now in zip(series, series[1:])",
     "series[t] * series[t - 1] for t in range(1, len(series))"),
    ("how-wide-a-window", "follows.setdefault(window, series[t]) != series[t]",
     "follows.get(window, series[t]) != series[t] or follows.update({window: series[t]})"),
    ("fool-every-window", "two = [0] + [0] * p", "two = [0] * p"),
    ("be-the-loop", "[8.0, 4.0, 2.0, 5.0, 2.5]", "[8, 4, 2, 5, 5 / 2]"),
    ("a-state-of-two-numbers", "return total + x, count + 1\n\n\ndef mean(h):\n"
     "    total, count = h\n    return total / count",
     "return total + (x - total) / (count + 1), count + 1\n\n\ndef mean(h):\n    return h[0]"),
    ("brackets-at-any-depth", "return False  #", "h = -(10**9)  #"),
    ("write-the-line", "w_h * h + w_x * x + b)\n    print", "b + x * w_x + h * w_h)\n    print"),
    ("where-does-it-settle", "abs(w_h) >= 1", "not -1 < w_h < 1"),
    ("how-long-does-it-last", "0.5 ** (1 / k)", "2 ** (-1 / k)"),
    ("build-a-switch", "3.0, 5.0, 0.0", "2.0, 2.2, 0.0"),
    ("build-a-switch", "3.0, 5.0, 0.0", "100.0, 300.0, 0.0"),
    ("rnn-step-row", "total + row[j] * vector[j]", "vector[j] * row[j] + total"),
    ("rnn-step-count", "h * d + h * h + h", "h * (d + h + 1)"),
    ("rnn-step-doorbell", "[5.0, 8.0]\nw_h = [[0.0, 0.0], [-8.0, 0.0]]\nb = [0.0, -4.0]",
     "[3.0, 1.0]\nw_h = [[0.0, 0.0], [-1.0, 0.0]]\nb = [0.0, -0.5]"),
    ("unrolling-formula", 'f"tanh(w_x*x{t} + w_h*{formula})"',
     '"tanh(w_x*x" + str(t) + " + w_h*" + formula + ")"'),
    ("unrolling-metronome", "0.0, 3.0],\n", "0.0, 1.5],\n"),
    ("bptt-nudge", "(f(w + e) - f(w - e)) / (2 * e)", "(f(w + e) - f(w)) / e"),
    ("bptt-every-step", "        dh = da * w[1]\n    return",
     "        dh = w[1] * dh * (1 - hs[t] ** 2)\n    return"),
    ("forgets-how-far", "slope >= share", "not slope < share"),
    ("forgets-clip", "g * limit / length", "g * min(1.0, limit / length)"),
    ("forgets-words", "-median(slopes)",
     "-(sorted(slopes)[len(slopes) // 2] + sorted(slopes)[(len(slopes) - 1) // 2]) / 2"),
]  # fmt: skip

# A part of the solution, and what learners write there.
WRONG = [
    ("repair-the-bag", "sorted(a.split()) == sorted(b.split())", "sorted(a) == sorted(b)"),
    ("repair-the-bag", "sorted(a.split()) == sorted(b.split())",
     "len(a) == len(b) and set(a.split()) == set(b.split())"),
    ("one-word-too-many", "len(set(a.split()) & set(b.split()))",
     "sum(word in b.split() for word in a.split())"),
    ("how-much-a-bag-forgets", "math.factorial(words.count(word))", "words.count(word)"),
    ("how-much-a-bag-forgets", "in set(words)", "in words"),
    ("read-it-in-order", "h = 1.0  #", "pass  #"),
    ("let-the-window-slide", "window[1:] + [x]", "[x] + window[:-1]"),
    ("let-the-window-slide", "window[1:] + [x]", "window[:-1] + [x]"),
    ("what-is-one-weight-worth", "in series[:-1])", "in series)"),
    ("what-is-one-weight-worth", "pairs = zip(series, series[1:])",
     "pairs = zip(series[1:], series)"),
    ("how-wide-a-window", "(window, series[t]) != series[t]",
     "(window, series[t - 1]) != series[t - 1]"),
    ("fool-every-window", "[1] + [0] * p", "[0] * p + [1]"),
    ("be-the-loop", "5.0, 2.5]", "4.0, 2.0]"),
    ("the-loop-that-forgets", "h = 0  # forget", "h = 1  # forget"),
    ("a-state-of-two-numbers", "total + x, count + 1", "total + x, count + 2"),
    ("brackets-at-any-depth", "if h < 0", "if h <= 0"),
    ("brackets-at-any-depth", "return h == 0", "return h >= 0"),
    ("write-the-line", "w_h * h + w_x * x + b)\n    print", "w_h * h + w_x * x) + b\n    print"),
    ("write-the-line", "math.tanh(w_h * h + w_x", "w_h * h + math.tanh(w_x"),
    ("where-does-it-settle", "abs(w_h) >= 1", "w_h >= 1"),
    ("where-does-it-settle", "(w_x * x + b) /", "w_x * x /"),
    ("how-long-does-it-last", "0.5 ** (1 / k)", "1 - 0.5 / k"),
    ("build-a-switch", "3.0, 5.0, 0.0", "3.0, 2.0, 0.0"),
    ("build-a-switch", "3.0, 5.0, 0.0", "2.0, 3.0, 0.0"),
    ("build-a-switch", "3.0, 5.0, 0.0", "3.0, 5.0, 2.0"),
    ("rnn-step-row", "total = total + row", "total = row"),
    ("rnn-step-count", "h * d + h * h + h", "h * d + h * h + d"),
    ("rnn-step-at-once", "return new", "h[:] = new\n    return h"),
    ("rnn-step-doorbell", "[-8.0, 0.0]", "[0.0, 0.0]"),
    ("unrolling-two-pieces", "return lamps, h", "return lamps, [0.0, 0.0]"),
    ("unrolling-real-end", "xs[:length]", "xs[: length + 1]"),
    ("unrolling-real-end", "in xs[:length]:\n", "in [x for x in xs if x]:\n"),
    ("unrolling-metronome", "0.0, 3.0],\n", "3.0, 0.0],\n"),
    ("bptt-nudge", "/ (2 * e)", "/ 2 * e"),
    ("bptt-two-mistakes", "gb += da", "gb = da"),
    ("bptt-two-mistakes", "da * hs[t - 1]", "da * hs[t]"),
    ("bptt-learn-to-flip", "w - 0.1", "w + 0.1"),
    ("bptt-every-step", "dh += 2", "dh = 2"),
    ("bptt-every-step", "gb, dh]", "gb, da]"),
    ("forgets-how-far", "slope >= share", "slope > share"),
    ("forgets-many-units", "w_h[1][j]", "w_h[j][1]"),
    ("forgets-clip", "if length <= limit", "if length <= 0"),
    ("forgets-words", "-median(slopes)", "median(slopes)"),
    ("forgets-words", "-median(slopes)", "-sum(slopes) / len(slopes)"),
]  # fmt: skip


def changed(name: str, part: str, other: str) -> tuple[Challenge, str]:
    challenge = COURSE.challenge(name)
    assert part in challenge.solution
    return challenge, challenge.solution.replace(part, other, 1)


@pytest.mark.parametrize(("name", "part", "other"), RIGHT)
def test_another_right_answer_passes(passes: Passes, name: str, part: str, other: str) -> None:
    assert passes(*changed(name, part, other))


@pytest.mark.parametrize(("name", "part", "other"), WRONG)
def test_a_usual_mistake_does_not_pass(passes: Passes, name: str, part: str, other: str) -> None:
    assert not passes(*changed(name, part, other))
