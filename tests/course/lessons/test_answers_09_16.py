"""Lessons 9 to 16: right answers other than the solution pass, and usual mistakes do not."""

from collections.abc import Callable

import pytest

from clew.course.course import OURS, read_course
from clew.course.lesson import Challenge

COURSE = read_course(OURS)
Passes = Callable[[Challenge, str], bool]

# A part of the solution, and another that is as right.
RIGHT = [
    ("lstm-belt", "f * c + i * g", "g * i + c * f"),
    ("lstm-repair", "o * math.tanh(c)", "math.tanh(c) * o"),
    ("lstm-half-life", "math.log(f / (1 - f))", "-math.log(1 / f - 1)"),
    ("lstm-counter", "[0.0, -40.0], 0.0, 20.0", "[0.0, -30.0], 0.0, 15.0"),
    ("lstm-counter", "[0.0, 0.0], 0.0, 20.0),  # what", "[20.0, 0.0], 0.0, 0.0),  # what"),
    ("gru-lever", "(1.0 - z) * n + z * h", "n + z * (h - n)"),
    ("gru-fair", "    units = h", "    units = 0"),
    ("gru-full-stop", "-40.0, 20.0),  # open", "-20.0, 10.0),  # open"),
    ("gru-full-stop", "-40.0, 20.0),  # open", "-24.0, 12.0),  # open"),
    ("both-seen", "words[t:][::-1]", "list(reversed(words[t:]))"),
    ("both-in-place", "read(xs[::-1])[::-1]", "list(reversed(read(list(reversed(xs)))))"),
    ("both-ends", "back[0]]", "read(xs[::-1])[-1]]"),
    ("stack-feed", "xs = read(xs, w_x, w_h)", "hs = read(xs, w_x, w_h); xs = hs"),
    ("stack-weights", "h * (d + h + 1)", "(h * d + h * h + h)"),
    ("stack-changes", "[[1.0], [1.0], [-1.0]],  # is on, was turned on, was turned off\n"
     "    [[0.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]",
     "[[2], [1], [-1]], [[0, 0, 0], [-0.5, 0, 0], [0.5, 0, 0]]"),
    ("stop-at-end", "        if y == END:  #", "        if not y:  #"),
    ("teacher-forcing", "y if truth is None else truth[step]", "truth[step] if truth else y"),
    ("how-long", "words ** (n + 1) <= values**units", "not words ** (n + 1) > values**units"),
    ("two-cards", "keep(0.1 * h[1] + 0.1 * x_t, places)", "keep((h[1] + x_t) / 10, places)"),
    ("safe-softmax", "largest = max(scores)  #", "largest = sorted(scores)[-1]  #"),
    ("repair-attention", "p / sum(powers)", "p / math.fsum(powers)"),
    ("masked-attention", "return softmax(real)",
     "return softmax(scores[:length]) + [0.0] * (len(scores) - length)"),
    ("masked-attention", "-math.inf", "-1e9"),
    ("what-came-after-it", "[sure * v for v in one_hot(text[-1])]",
     "[100 * v for v in one_hot(text[-1])]"),
    ("one-number", "w_x[k][place] + dot(w_h[k], h) + b[k]",
     "b[k] + [row[place] for row in w_x][k] + dot(h, w_h[k])"),
    ("surprise-in-bits", "abs(sum(math.log2(v) for v in p)) / len(p)",
     "-sum(math.log(v) / math.log(2) for v in p) / len(p)"),
    ("move-your-gru", 'b_ih += w[gate]["b"]\n        b_hh += w[gate]["b_h"]',
     'late = gate == "n"\n        pairs = [*zip(w[gate]["b"], w[gate]["b_h"])]\n'
     '        b_ih += [p if late else p + q for p, q in pairs]\n'
     '        b_hh += [q if late else 0.0 for p, q in pairs]'),
    ("the-bill", "3 * d * d + 2 * t * d, 2 * t * d", "d * (3 * d + 2 * t), t * 2 * d"),
    ("no-looking-ahead", "for k in ks[: t + 1]]", "for k in ks][: t + 1]"),
    ("three-levels", "(h + x_t) % 3", "0 if h + x_t == 3 else h + x_t"),
    ("forgetting-attention", "keep * S[r][c] + v[r] * key[c]", "key[c] * v[r] + S[r][c] * keep"),
]  # fmt: skip

# A part of the solution, and what learners write there.
WRONG = [
    ("lstm-belt", "f * c + i * g", "f * c + g"),
    ("lstm-belt", "f * c + i * g", "f * (c + i * g)"),
    ("lstm-belt", "f * c + i * g", "f * c + (1 - f) * g"),
    ("lstm-repair", "g = math.tanh(", "g = sigmoid("),
    ("lstm-repair", "f * c + i * g", "i * c + f * g"),
    ("lstm-repair", "o * math.tanh(c)", "o * c"),
    ("lstm-half-life", "f / (1 - f)", "(1 - f) / f"),
    ("lstm-half-life", "1 / steps", "1 / (steps + 1)"),
    ("lstm-half-life", "math.log(f / (1 - f))", "math.log(steps)"),
    ("lstm-counter", "[0.0, -40.0], 0.0, 20.0", "[0.0, 0.0], 0.0, 20.0"),
    ("lstm-counter", "[0.0, -40.0], 0.0, 20.0", "[0.0, -16.0], 0.0, 8.0"),
    ("lstm-counter", "c = f * c + i * g", "c = c * (x[1] == 0) + x[0]"),
    ("gru-lever", "(1.0 - z) * n + z * h", "n + z * h"),
    ("gru-two-units", "p + r_k * q", "r_k * (p + q)"),
    ("gru-two-units", "p + r_k * q", "r_k * p + q"),
    ("gru-fair", "units + 1) <=", "units) <="),
    ("gru-fair", "<= weights", "< weights"),
    ("gru-full-stop", "-40.0, 20.0),  # open", "-20.0, 20.0),  # open"),
    ("gru-full-stop", "-40.0, 20.0),  # open", "0.0, -20.0),  # open"),
    ("gru-full-stop", '"n": (1.0, 2.0', '"n": (1.0, 0.0'),
    ("both-seen", "t + 1]", "t]"),
    ("both-seen", "words[t:][::-1]", "words[t + 1:][::-1]"),
    ("both-in-place", "read(xs[::-1])[::-1]", "read(xs)[::-1]"),
    ("both-ends", "back[0]]", "back[-1]]"),
    ("both-padding", "real = xs[:length]", "real = [0.0 if x != x else x for x in xs]"),
    ("both-padding", "zip(ahead, back[::-1])", "zip(ahead, back)"),
    ("stack-feed", "in layers:\n        xs", "in layers[::-1]:\n        xs"),
    ("stack-states", "x = step(h, x, layer)", "x = h = step(h, h, layer)"),
    ("stack-states", "new.append(x)", "new.insert(0, x)"),
    ("stack-weights", "d = readers * h", "d = h"),
    ("stack-weights", "(d + h + 1)", "(d + readers * h + 1)"),
    ("stack-changes", "[[0.0, 1.0, 1.0]], [[1.0]]", "[[0.0, 1.0, 1.0]], [[0.0]]"),
    ("stack-changes", "[[1.0], [1.0], [-1.0]]", "[[1.0], [1.0], [1.0]]"),
    ("stop-at-end", "    while len(said) < limit:", "    while True:"),
    ("stop-at-end", "if y == END:  #", "if h == END:  #"),
    ("teacher-forcing", "y if truth is None else truth[step]", "y"),
    ("teacher-forcing", "y if truth is None else truth[step]", "int(10 * h + 1e-6)"),
    ("how-long", "<= values**units", "< values**units"),
    ("how-long", "<= values**units", "<= values * units"),
    ("how-long", "words ** (n + 1)", "words ** n"),
    ("two-cards", "places), h[0]]", "places), h[1]]"),
    ("two-cards", "[h[1], 10 * h[0] - y]", "[10 * h[0] - y, h[1]]"),
    ("two-cards", "reversed(xs)", "xs"),
    ("safe-softmax", "largest = max(scores)  #", "largest = 0.0  #"),
    ("safe-softmax", "largest = max(scores)  #", "largest = 1000.0  #"),
    ("safe-softmax", "p / total", "p / len(powers)"),
    ("repair-attention", "p / sum(powers)", "p / len(powers)"),
    ("repair-attention", "zip(weights, values))", "zip(scores, values))"),
    ("masked-attention", "-math.inf", "0.0"),
    ("masked-attention", "i < length", "i <= length"),
    ("masked-attention", "return softmax(real)",
     "return [a * (i < length) for i, a in enumerate(softmax(scores))]"),
    ("what-came-after-it", "text[1:]]", "text[:-1]]"),
    ("what-came-after-it", "one_hot(text[-1])", "one_hot(text[0])"),
    ("one-number", "w_x[k][place]", "w_x[place % H][k]"),
    ("one-number", "w_x[k][place]", "w_x[k][place - 1]"),
    ("surprise-in-bits", "math.log2(v)", "math.log(v)"),
    ("surprise-in-bits", "abs(sum(math.log2(v) for v in p)) / len(p)",
     "-math.log2(sum(p) / len(p))"),
    ("surprise-in-bits", "return math.inf  #", "return 0.0  #"),
    ("move-your-gru", 'for gate in "rzn":  #', 'for gate in "zrn":  #'),
    ("move-your-gru", 'b_ih += w[gate]["b"]\n', 'b_ih += w[gate]["b_h"]\n'),
    ("the-bill", "8 * d * d, 2 * d", "8 * d * d, d"),
    ("the-bill", "2 * t * d, 2 * t * d", "2 * (t - 1) * d, 2 * t * d"),
    ("no-looking-ahead", "t + 1]]", "t]]"),
    ("no-looking-ahead", "t + 1]]", "t + 2]]"),
    ("three-levels", "% 3", "% 4"),
    ("three-levels", "(h + x_t) % 3", "min(h + x_t, 2)"),
    ("forgetting-attention", "keep * S[r][c] + v[r] * key[c]",
     "keep * (S[r][c] + v[r] * key[c])"),
    ("forgetting-attention", "v[r] * key[c]", "v[c] * key[r]"),
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
