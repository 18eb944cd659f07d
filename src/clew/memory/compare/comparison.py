"""What a comparison found: the table, and which network to take, for what reason."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clew.memory.compare.contest import Figure
from clew.memory.compare.entrants import CELLS, Entrant
from clew.memory.finding import Table

USUAL = "64"  # steps before the one whose cost a recommendation goes by


@dataclass(frozen=True)
class Row:
    """One network: its size (units), parameters, and what each seed came to."""

    entrant: Entrant
    hidden: int
    parameters: int
    runs: Sequence[Mapping[str, Any]]

    @property
    def title(self) -> str:
        """As people write it."""
        return self.entrant.title

    @property
    def scores(self) -> list[float]:
        """One for each seed."""
        return [float(run["score"]) for run in self.runs]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.scores)

    @property
    def seconds(self) -> float:
        """Of training, the mean."""
        return statistics.fmean(run["seconds"] for run in self.runs)

    @property
    def peak(self) -> float | None:
        """MiB, the most of all seeds."""
        peaks = [run["peak_mib"] for run in self.runs]
        return None if None in peaks else max(peaks)

    @property
    def horizons(self) -> list[int]:
        """One for each seed for which there is one."""
        return [int(run["horizon"]["elements"]) for run in self.runs if run["horizon"]]

    @property
    def open_ended(self) -> bool:
        """Whether one of them needs all that it was given."""
        return any(run["horizon"]["open_ended"] for run in self.runs if run["horizon"])

    @property
    def costs(self) -> dict[str, float]:
        """Microseconds a step by the number of steps before it: the median of the seeds."""
        names = self.runs[0]["step_us"]
        return {n: statistics.median(run["step_us"][n] for run in self.runs) for n in names}


@dataclass(frozen=True)
class Comparison:
    """Networks side by side, at one budget of parameters; baseline: its name and score."""

    task: str
    source: str
    figure: Figure
    budget: int
    seeds: int
    baseline: tuple[str, float] | None
    rows: tuple[Row, ...]

    name = "compare"
    title = "Side by side"

    @property
    def method(self) -> str:
        """How it was measured."""
        return (
            f"{self.task} on {self.source}: every network with about {self.budget:,} parameters, "
            "vectors of words and output layer counted too; the same data, held-out part, "
            f"learning rate and other settings for all; {_counted(self.seeds, 'seed')}. The score "
            "is of the held-out part, by which each run chose its weights and its end. A step is "
            "timed with the state carried, for one sequence and without the layers around; what "
            "reads both ways reads all of it again. Layer norm, zoneout and recurrent dropout are "
            "of cells only."
        )

    @property
    def ranked(self) -> list[Row]:
        """The best mean first."""
        return sorted(self.rows, key=lambda row: row.mean, reverse=not self.figure.less)

    def as_good(self, row: Row) -> bool:
        """Whether the range of its seeds meets that of the best."""
        best = self.ranked[0].scores
        if self.figure.less:
            return min(row.scores) <= max(best)
        return max(row.scores) >= min(best)

    @property
    def chosen(self) -> Row:
        """Of those as good as the best the one whose step costs least, or with fewest parameters.

        Of one seed, where nobody knows what is as good, the best.
        """
        if self.seeds == 1:
            return self.ranked[0]
        good = [row for row in self.rows if self.as_good(row)]
        return min(good, key=lambda row: (row.costs[USUAL], row.seconds))

    def words(self) -> list[str]:
        """Which to take and why, how sure that is, and whether memory earns anything."""
        best, shown = self.ranked[0], self.figure.shown
        lines = [self._recommended()]
        if self.seeds == 1:
            gap = ""
            if len(self.rows) > 1:
                second = self.ranked[1]
                apart = _apart(self.figure, best.mean, second.mean)
                gap = f" The {second.title} is {apart} behind."
            lines.append(
                "One seed only: how far scores spread by chance is unknown, and so is whether a "
                f"difference is more than that.{gap} --seeds 3 would tell."
            )
        else:
            alike = [row.title for row in self.rows if self.as_good(row) and row is not best]
            if len(alike) == len(self.rows) - 1 and alike:
                lines.append(
                    "All differences are within the spread of the seeds: by the score alone none "
                    "is better than another."
                )
            elif alike:
                lines.append(
                    f"Within the spread of the seeds of the best, the {best.title}: "
                    f"{_listed(alike)}."
                )
        if self.baseline is not None:
            name, score = self.baseline
            if not self.figure.better(best.mean, score):
                lines.append(
                    f"Memory earns nothing here: {name} scores {shown(score)}, and no network does "
                    "better. Take that."
                )
            elif not all(self.figure.better(one, score) for one in best.scores):
                lines.append(
                    f"Whether memory earns anything cannot be told: {name} scores {shown(score)}, "
                    "within the spread of the best network."
                )
            else:
                lines.append(
                    f"Without memory, {name} scores {shown(score)}: "
                    f"{_apart(self.figure, best.mean, score)} behind the best network."
                )
        lines += self._windowed()
        return lines

    def _windowed(self) -> list[str]:
        windows = [row for row in self.rows if row.entrant.base == "window"]
        cells = [row for row in self.rows if row.entrant.base in CELLS]
        if not windows or not cells or self.seeds == 1:
            return []
        row = min(windows, key=self.ranked.index)
        best = min(cells, key=self.ranked.index)
        if self.figure.better(row.mean, best.mean) or _meet(row.scores, best.scores):
            each = " on each side" if row.entrant.both_ways else ""
            return [
                f"The {row.title} is no worse than the best cell, the {best.title}: "
                f"memory beyond {row.entrant.window - 1} {self.element[1]}{each} earns nothing."
            ]
        return []

    def _recommended(self) -> str:
        row, best, shown = self.chosen, self.ranked[0], self.figure.shown
        spread = (
            "" if self.seeds == 1 else
            f" ({shown(min(row.scores))} to {shown(max(row.scores))} over {self.seeds} seeds)"
        )  # fmt: skip
        text = f"Take the {row.title}: {self.figure.title} {shown(row.mean)}{spread}"
        if len(self.rows) == 1:
            return text + ", the only one that ran."
        if row is best:
            others = [one for one in self.rows if one is not row]
            cheapest = all(row.costs[USUAL] <= one.costs[USUAL] for one in others)
            if self.seeds == 1:
                return text + ", the best score of this one seed."
            if any(self.as_good(one) for one in others):
                return text + (
                    ", the best, and the cheapest of those within its spread"
                    f" ({row.costs[USUAL]:.0f} µs a step)."
                )
            return (
                text
                + ", better with every seed than any other with any"
                + (", and the cheapest." if cheapest else ".")
            )
        return text + (
            f", within the spread of the best, the {best.title} ({shown(best.mean)}), and with "
            f"{row.costs[USUAL]:.0f} µs a step against {best.costs[USUAL]:.0f} the cheapest of "
            "those."
        )

    @property
    def element(self) -> tuple[str, str]:
        """What a step is."""
        one, many = self.rows[0].runs[0]["element"]
        return one, many

    def tables(self) -> list[Table]:
        """Every network with all figures."""
        after = list(self.rows[0].costs)
        columns = [
            "network", f"{self.figure.title}, held out", "lowest", "highest", "parameters",
            "units", "training (s)", f"looks back ({self.element[1]})", "from", "to",
            *(f"a step after {n} (µs)" for n in after), "peak memory (MiB)",
        ]  # fmt: skip
        rows: list[list[str | int | float | None]] = []
        if self.baseline is not None:
            empty: list[str | int | float | None] = [None] * (len(columns) - 2)
            rows.append([self.baseline[0], self.baseline[1], *empty])
        for row in self.rows:
            seen = row.horizons
            rows.append([
                row.title, row.mean, min(row.scores), max(row.scores), row.parameters, row.hidden,
                row.seconds, statistics.median(seen) if seen else None,
                min(seen) if seen else None, max(seen) if seen else None,
                *row.costs.values(), row.peak,
            ])  # fmt: skip
        return [Table(self.title, columns, rows)]

    def size(self) -> tuple[float, float]:
        """Of the picture, in inches."""
        return (11.0, max(4.0, 1.6 + 0.35 * len(self.rows)))

    def draw(self, figure: Any) -> None:
        """Score against the cost of a step, and how far each looks back."""
        from clew.memory.compare.picture import draw

        draw(self, figure)

    def data(self) -> dict[str, Any]:
        """All of it."""
        return {
            "task": self.task,
            "data": self.source,
            "figure": self.figure.key,
            "less_is_better": self.figure.less,
            "budget": self.budget,
            "seeds": self.seeds,
            "element": list(self.element),
            "baseline": None if self.baseline is None else
            {"name": self.baseline[0], "score": self.baseline[1]},
            "networks": [
                {
                    "name": row.entrant.name, "title": row.title, "units": row.hidden,
                    "parameters": row.parameters, "mean": row.mean, "lowest": min(row.scores),
                    "highest": max(row.scores), "seconds": row.seconds, "step_us": row.costs,
                    "horizons": row.horizons, "open_ended": row.open_ended,
                    "peak_mib": row.peak, "runs": [dict(run) for run in row.runs],
                }
                for row in self.rows
            ],
            "chosen": self.chosen.entrant.name,
            "words": self.words(),
            "method": self.method,
        }  # fmt: skip


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two ranges have something in common."""
    return min(one) <= max(other) and min(other) <= max(one)


def _apart(figure: Figure, one: float, other: float) -> str:
    gap = abs(one - other)
    return f"{100 * gap:.2g} points" if figure.percent else f"{gap:.2g} {figure.title}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
