"""What a comparison found: the table, and which network to take, for what reason."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from clew.memory.compare import recommendation
from clew.memory.compare.contest import Baseline, Figure
from clew.memory.compare.entrants import STREAM, Entrant
from clew.memory.finding import Table

USUAL = "64"  # steps before the one whose cost is taken where one is enough
UNSTEADY = 2.0  # times as much in one round as in another


@dataclass(frozen=True)
class Row:
    """One network: its size (units), parameters, and what each seed came to.

    trials: by learning rate, the best first, what a run with it scored on what is held out; None
    where it came apart.
    """

    entrant: Entrant
    hidden: int
    parameters: int
    runs: Sequence[Mapping[str, Any]]
    trials: Mapping[float, float | None] = field(default_factory=dict)

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
    def tests(self) -> list[float]:
        """On the test, one for each seed; none where there is no test."""
        return [float(run["test"]) for run in self.runs if run["test"] is not None]

    @property
    def final(self) -> list[float]:
        """One for each seed: on the test where there is one, else on what is held out."""
        return self.tests or self.scores

    @property
    def rate(self) -> float:
        """The learning rate."""
        return float(self.runs[0]["rate"])

    @property
    def idle(self) -> bool:
        """Whether nothing of a forecaster's network is in its forecasts, which are naive."""
        return all(run["share"] == 0 for run in self.runs)

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
    def stream(self) -> float | None:
        """Microseconds a step of a stream, as `costs`; None of what has none."""
        return self._cost(STREAM) if STREAM in self.runs[0]["rounds_us"] else None

    @property
    def served(self) -> float:
        """Microseconds a step as it would be served: of a stream where there is one."""
        return self.costs[USUAL] if self.stream is None else self.stream

    @property
    def unsteady(self) -> bool:
        """Whether what a step cost differs much from round to round, or from seed to seed."""
        for name in self.runs[0]["rounds_us"]:
            taken = [each for run in self.runs for each in run["rounds_us"][name]]
            if max(taken) > UNSTEADY * min(taken):
                return True
        return False

    @property
    def by_length(self) -> dict[str, float]:
        """Of a probe the mean score at each length asked for."""
        names = self.runs[0]["by_length"]
        return {n: statistics.fmean(run["by_length"][n] for run in self.runs) for n in names}

    @property
    def costs(self) -> dict[str, float]:
        """Microseconds a step by the steps before it: the median of all rounds of all seeds."""
        return {name: self._cost(name) for name in self.runs[0]["step_us"]}

    def _cost(self, name: str) -> float:
        rounds = [float(each) for run in self.runs for each in run["rounds_us"][name]]
        return statistics.median(rounds)


@dataclass(frozen=True)
class Comparison:
    """Networks side by side, at one budget of parameters."""

    task: str
    source: str
    figure: Figure
    budget: int
    seeds: int
    baseline: Baseline | None
    rows: tuple[Row, ...]

    name = "compare"
    title = "Side by side"

    @property
    def method(self) -> str:
        """How it was measured."""
        if self.task == "probe":
            data = "settings"
            judged = "The score is of new sequences, from which nobody learnt or chose anything."
        else:
            data = "data, held-out part and settings"
            judged = (
                "The held-out score is of the part by which each run chose its weights and its end"
                + (", and by which the learning rates were chosen." if self.tried else ".")
            )
            if self.tested:
                judged += " The test played no part in any choice."
        rates = (
            "each its best learning rate of those tried, one run for each with a seed of its own"
            if self.tried
            else "the same learning rate"
        )
        return (
            f"{self.task} on {self.source}: every network with about {self.budget:,} parameters, "
            f"vectors of words and output layer counted too; the same {data} for all, and {rates}; "
            f"{_counted(self.seeds, 'seed')}. {judged} A step is timed in rounds, "
            "each of its costs once a round (their median is told), with the state carried, for "
            "one sequence and without the layers around; what reads both ways reads all of it "
            "again. Layer norm, zoneout and recurrent dropout are of cells only."
        )

    @property
    def tested(self) -> bool:
        """Whether there is a test."""
        return bool(self.rows[0].tests)

    @property
    def tried(self) -> bool:
        """Whether each network has a learning rate that was chosen for it."""
        return bool(self.rows[0].trials)

    @property
    def busy(self) -> str:
        """A warning: what kept the machine busy when a run began; empty where nothing did."""
        return next((run["busy"] for row in self.rows for run in row.runs if run["busy"]), "")

    @property
    def ranked(self) -> list[Row]:
        """The best mean first; of the same, the one whose step costs least."""
        sign = 1 if self.figure.less else -1
        return sorted(self.rows, key=lambda row: (sign * row.mean, row.served))

    @property
    def chosen(self) -> Row | None:
        """The one that is recommended; None where none has learnt a probe."""
        return recommendation.chosen(self) if recommendation.learnt(self) else None

    def words(self) -> list[str]:
        """Which to take and why, how sure that is, and whether memory earns anything."""
        return recommendation.words(self)

    @property
    def held_out(self) -> int | None:
        """Examples that a share was counted on; None where the score is no share of such."""
        found: int | None = self.rows[0].runs[0]["held_out"]
        return found

    @property
    def element(self) -> tuple[str, str]:
        """What a step is."""
        one, many = self.rows[0].runs[0]["element"]
        return one, many

    def tables(self) -> list[Table]:
        """Every network with all figures."""
        after = list(self.rows[0].costs)
        columns = [
            "network", f"{self.figure.title}, held out", "lowest", "highest",
            *(("test", "lowest of the test", "highest of the test") if self.tested else ()),
            "learning rate", "parameters", "units", "training (s)",
            f"looks back ({self.element[1]})", "from", "to",
            *(f"a step after {n} (µs)" for n in after), "of a stream (µs)", "peak memory (MiB)",
        ]  # fmt: skip
        rows: list[list[str | int | float | None]] = []
        if self.baseline is not None:
            own: list[str | int | float | None] = [
                self.baseline.name,
                self.baseline.score,
                None,
                None,
            ]
            own += [self.baseline.test] if self.tested else []
            rows.append([*own, *[None] * (len(columns) - len(own))])
        for row in self.rows:
            seen, tests = row.horizons, row.tests
            rows.append([
                row.title, row.mean, min(row.scores), max(row.scores),
                *((statistics.fmean(tests), min(tests), max(tests)) if tests else ()),
                row.rate, row.parameters, row.hidden,
                row.seconds, statistics.median(seen) if seen else None,
                min(seen) if seen else None, max(seen) if seen else None,
                *row.costs.values(), row.stream, row.peak,
            ])  # fmt: skip
        tables = [Table(self.title, columns, rows)]
        if lengths := list(self.rows[0].by_length):
            means: list[list[str | int | float | None]] = [
                [row.title, *row.by_length.values()] for row in self.rows
            ]
            title = f"{self.figure.title} by length, mean of the seeds"
            tables.append(Table(title, ["network", *map(str, lengths)], means))
        if self.tried:
            rates = sorted(self.rows[0].trials)
            told = f"{self.figure.title}, held out, by learning rate, of one seed"
            tables.append(Table(
                told, ["network", *(f"{rate:g}" for rate in rates)],
                [[row.title, *(row.trials[rate] for rate in rates)] for row in self.rows],
            ))  # fmt: skip
        return tables

    def size(self) -> tuple[float, float]:
        """Of the picture, in inches."""
        wide = 16.0 if self.rows[0].by_length else 11.0
        return (wide, max(4.0, 1.6 + 0.35 * len(self.rows)))

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
            "held_out": self.held_out,
            "element": list(self.element),
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "networks": [
                {
                    "name": row.entrant.name, "title": row.title, "units": row.hidden,
                    "parameters": row.parameters, "mean": row.mean, "lowest": min(row.scores),
                    "highest": max(row.scores), "test": row.tests, "rate": row.rate,
                    "trials": {f"{rate:g}": score for rate, score in row.trials.items()},
                    "seconds": row.seconds, "step_us": row.costs,
                    "stream_us": row.stream, "unsteady": row.unsteady, "by_length": row.by_length,
                    "horizons": row.horizons, "open_ended": row.open_ended,
                    "peak_mib": row.peak, "runs": [dict(run) for run in row.runs],
                }
                for row in self.rows
            ],
            "chosen": None if (taken := self.chosen) is None else taken.entrant.name,
            "busy": self.busy,
            "words": self.words(),
            "method": self.method,
        }  # fmt: skip


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
