"""Comparisons made by hand: scores are given, everything else is plain."""

from clew.memory.compare import Comparison, Row, entrants
from clew.memory.compare.contest import FIGURES, PROBE, Baseline

ACCURACY = FIGURES["classify"][0]
BITS = FIGURES["language"][0]
ERROR = PROBE[1]


def run(
    score, *, seed=0, step=50.0, horizon=3, open_ended=False, held_out=None, peak=400.0, lengths=(),
    test=None, tested=None, rate=0.002, share=None, stream=None, rounds=None, busy="",
):  # fmt: skip
    return {
        "seed": seed,
        "score": score,
        "figure": "accuracy",
        "parameters": 1000,
        "seconds": 2.0,
        "steps": 10,
        "finished_by": "epochs",
        "peak_mib": peak,
        "before_mib": 300.0,
        "step_us": {"8": step, "64": step, "512": step},
        "stream_us": stream,
        "rounds_us": {
            **dict.fromkeys(("8", "64", "512"), rounds or [step]),
            **({} if stream is None else {"stream": [stream]}),
        },
        "busy": busy,
        "rate": rate,
        "held_out": held_out,
        "test": test,
        "tested": tested,
        "share": share,
        "by_length": {str(n): score / n for n in lengths},
        "element": ["word", "words"],
        "both_ways": False,
        "horizon": None
        if horizon is None
        else {"elements": horizon, "low": 0, "high": 9, "open_ended": open_ended, "reach": 256},
    }


def comparison(
    scores, *, budget=1000, baseline=None, figure=ACCURACY, costs=None, task="classify", tests=None,
    rates=None, streams=None, **more,
):  # fmt: skip
    """scores, tests: {"lstm": [0.8, 0.81]}; costs, streams: {"lstm": 40.0}; rates: {"lstm": {}}."""
    field = entrants(list(scores), both=True)
    rows = [
        Row(one, 32, 1000, [
            run(
                score, seed=k, step=(costs or {}).get(one.name, 50.0),
                stream=(streams or {}).get(one.name),
                test=tests and tests[one.name][k],
                rate=next(iter(rates[one.name])) if rates else 0.002, **more,
            )
            for k, score in enumerate(scores[one.name])
        ], (rates or {}).get(one.name, {}))
        for one in field
    ]  # fmt: skip
    seeds = len(next(iter(scores.values())))
    return Comparison(
        task, "reviews.csv", figure, budget, seeds, baseline and Baseline(*baseline), tuple(rows)
    )
