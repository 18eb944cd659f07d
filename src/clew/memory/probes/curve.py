"""How well probes are answered by length, beside chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.errors import InputError
from clew.memory.finding import Table
from clew.memory.probes.batch import Score, check_length
from clew.memory.probes.model import ProbeModel
from clew.memory.probes.shortcut import Shortcut

_STYLES = (("o", "-", "0.0"), ("s", "--", "0.45"), ("^", "-.", "0.2"), ("D", ":", "0.0"),
           ("v", "-", "0.6"), ("P", "--", "0.2"))  # fmt: skip
HALF = 0.5  # of the way from chance to all right: still known


@dataclass(frozen=True)
class ByLength:
    """Scores of one or more models of a probe by length; a Finding.

    lines: {what a model is called: its score at each length}. chance: that of who knows nothing of
    the sequence. horizons: the true ones, None where they vary. shortcuts: how far one comes
    without what is asked for, None where no further than by chance.
    """

    probe: str
    asks: str
    span: str
    lengths: Sequence[int]
    lines: Mapping[str, Sequence[Score]]
    chance: Sequence[Score]
    horizons: Sequence[int | None]
    count: int
    seed: int
    shortcuts: Sequence[Shortcut | None] = ()

    name = "score-by-length"

    @property
    def title(self) -> str:
        """A heading."""
        return f"Probe {self.probe}: {self.asks}"

    @property
    def accurate(self) -> bool:
        """Whether answers are right or wrong; else they have a loss only."""
        return all(score.accuracy is not None for line in self.lines.values() for score in line)

    @property
    def method(self) -> str:
        """How it was measured."""
        return (
            f"{self.count} new sequences of each length (seed {self.seed}), none of which was "
            f"learnt from; the length is the number of {self.span}. Chance is the score of who "
            "knows all but the sequence; the shortcut is the best guess known that goes round what "
            "is asked for."
        )

    def words(self) -> list[str]:
        """Up to which length each model is nearer to all right than to chance."""
        lines = []
        for name, scores in self.lines.items():
            good = [
                self._good(score, chance) for score, chance in zip(scores, self.chance, strict=True)
            ]
            held = good.index(False) if False in good else len(good)
            first, last = self.lengths[0], self.lengths[-1]
            if held == 0:
                lines.append(f"{name}: near chance already at {first} {self.span}.")
            elif held == len(good):
                lines.append(f"{name}: holds up to {last} {self.span}, the longest tried.")
            else:
                lines.append(
                    f"{name}: holds up to {self.lengths[held - 1]} {self.span}; at "
                    f"{self.lengths[held]} it is nearer to chance."
                )
        return [*lines, *self._gone_round()]

    def _gone_round(self) -> list[str]:
        """What a guess comes to at the greatest length that goes round what is asked for."""
        if not self.shortcuts or (last := self.shortcuts[-1]) is None:
            return []
        value = self._value(last.score)
        comes = f"{100 * value:.1f} % right" if self.accurate else f"a loss of {value:.3g}"
        return [f"By {last.how} alone: {comes} at {self.lengths[-1]} {self.span}."]

    def _good(self, score: Score, chance: Score) -> bool:
        if score.accuracy is not None and chance.accuracy is not None:
            return score.accuracy > chance.accuracy + HALF * (1 - chance.accuracy)
        return score.loss < (1 - HALF) * chance.loss

    def _value(self, score: Score) -> float:
        return score.accuracy if self.accurate and score.accuracy is not None else score.loss

    def _shortcut(self) -> list[float | None]:
        """By length."""
        known = self.shortcuts or [None] * len(self.lengths)
        return [None if each is None else self._value(each.score) for each in known]

    def tables(self) -> list[Table]:
        """A row a length."""
        columns = [self.span, *self.lines, "chance", "shortcut", "true horizon"]
        rows = [
            [length, *(self._value(line[k]) for line in self.lines.values()),
             self._value(self.chance[k]), at, self.horizons[k]]
            for k, (length, at) in enumerate(zip(self.lengths, self._shortcut(), strict=True))
        ]  # fmt: skip
        return [Table("accuracy" if self.accurate else "loss", columns, rows)]

    def draw(self, figure: Any) -> None:
        """A line a model, and chance."""
        axes = figure.subplots()
        for k, (name, line) in enumerate(self.lines.items()):
            marker, dash, grey = _STYLES[k % len(_STYLES)]
            values = [self._value(score) for score in line]
            axes.plot(
                self.lengths, values, marker=marker, linestyle=dash, color=grey, markersize=4,
                label=name,
            )  # fmt: skip
        chance = [self._value(score) for score in self.chance]
        axes.plot(
            self.lengths, chance, color="0.5", linewidth=1, linestyle=(0, (1, 2)), label="chance"
        )
        if (shortcut := self._shortcut())[-1] is not None:
            axes.plot(
                self.lengths, shortcut, color="0.5", linewidth=1, linestyle=(0, (6, 3)),
                label="shortcut",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(self.lengths, [str(length) for length in self.lengths], fontsize=8)
        axes.minorticks_off()
        axes.set_xlabel(self.span)
        if self.accurate:
            axes.set_ylim(0, 1.03)
            axes.set_ylabel("share of right answers")
        else:
            axes.set_yscale("log")
            axes.set_ylabel("loss")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, frameon=False)

    def size(self) -> tuple[float, float]:
        """Inches."""
        return (7.0, 4.0)

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "probe": self.probe,
            "span": self.span,
            "lengths": list(self.lengths),
            "lines": {name: _plain(line) for name, line in self.lines.items()},
            "chance": _plain(self.chance),
            "shortcuts": [
                None if each is None else {"how": each.how, **_plain([each.score])[0]}
                for each in self.shortcuts
            ],
            "horizons": list(self.horizons),
            "count": self.count,
            "seed": self.seed,
        }


def by_length(
    models: ProbeModel | Mapping[str, ProbeModel],
    lengths: Sequence[int],
    *,
    count: int = 500,
    seed: int = 0,
) -> ByLength:
    """Scores on `count` new sequences of each length, of one model or several of one probe.

    Raises InputError for no model, no length, or models of different probes.
    """
    named = {models.title: models} if isinstance(models, ProbeModel) else models
    if not isinstance(named, Mapping) or not all(
        isinstance(model, ProbeModel) for model in named.values()
    ):
        raise InputError(
            "not all of these are models of a probe",
            where="models",
            expected="a ProbeModel, or several by name: {name: model}",
        )
    if not isinstance(lengths, list | tuple | range):
        raise InputError(f"lengths is {lengths!r}", where="lengths", expected="a list of them")
    if not named or not lengths:
        raise InputError("no models, or no lengths", where="models, lengths", expected="some")
    probe = next(iter(named.values())).probe
    if any(model.probe != probe for model in named.values()):
        raise InputError("the models answer different probes", where="models", expected="one probe")
    for length in lengths:
        check_length(probe, length)
    chosen = sorted(set(lengths))
    return ByLength(
        probe=probe.name,
        asks=probe.title,
        span=probe.span,
        lengths=chosen,
        lines={
            name: [model.score(n, count, seed) for n in chosen] for name, model in named.items()
        },
        chance=[probe.chance(n) for n in chosen],
        horizons=[probe.horizon(n) for n in chosen],
        count=count,
        seed=seed,
        shortcuts=[probe.shortcut(n) for n in chosen],
    )


def _plain(scores: Sequence[Score]) -> list[dict[str, float | None]]:
    return [{"loss": score.loss, "accuracy": score.accuracy} for score in scores]
