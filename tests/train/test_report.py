"""What a run says in plain lines, and its history as JSON."""

import io
import json

import pytest
from toy import Toy, settings

from clew.train import History, Lines, Progress, duration, train
from clew.train.report import counted


def progress(step):
    return Progress(
        epoch=2,
        epochs=5,
        step=step,
        steps=4000,
        share=0.25,
        loss=1.25,
        items_per_second=12345.6,
        seconds_left=75.0,
        unit="tokens",
        figures={},
        learning_rate=0.1,
    )


def test_progress_lines_are_sparse():
    now, stream = [0.0], io.StringIO()
    lines = Lines(stream, clock=lambda: now[0])
    for step in range(1, 100):
        now[0] = step * 0.5
        lines.step(progress(step))
    said = stream.getvalue().splitlines()
    assert len(said) == 4  # at 10, 20, 30 and 40 of 49.5 seconds
    assert said[0] == "epoch 2/5  step 20/4,000  loss 1.2500  12,346 tokens/s  1m15s left"


def test_every_evaluation_is_a_line_and_postpones_the_next():
    now, stream = [0.0], io.StringIO()
    lines = Lines(stream, clock=lambda: now[0])
    row = {"step": 20, "epoch": 1.0, "seconds": 9.0, "train_loss": 1.5, "learning_rate": 0.1}
    now[0] = 9.0
    lines.evaluated({**row, "objective": 2.0, "best": True, "accuracy": 0.75})
    now[0] = 11.0
    lines.step(progress(21))
    assert stream.getvalue() == (
        "epoch 1  step 20  9.0s  loss 1.5000  accuracy 0.7500  (best so far)\n"
    )


def test_a_run_in_lines_goes_to_standard_error(capsys):
    history = train(Toy(), settings(), report=Lines())
    out, err = capsys.readouterr()
    assert out == ""
    said = err.splitlines()
    assert said[0].startswith("training 493 parameters for 3 epochs (18 steps) on cpu")
    assert [line.split()[1] for line in said[1:4]] == ["1", "2", "3"]
    assert f"nats {history.rows[2]['nats']:.4f}" in said[3]
    assert said[4].startswith("finished by epochs after 18 steps")
    assert len(said) == 5


def test_the_history_is_json():
    history = History(rows=[{"step": 1, "perplexity": float("inf")}], best=1.5, best_step=1)
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert json.loads(text)["rows"] == [{"step": 1, "perplexity": None}]
    real = train(Toy(), settings())
    assert json.loads(json.dumps(real.to_dict(), allow_nan=False))["rows"] == real.rows


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.24, "8.2s"), (59.94, "59.9s"), (60, "1m00s"), (185, "3m05s"), (3725, "1h02m")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_one_of_a_thing_is_not_many():
    assert [counted(n, "step") for n in (0, 1, 2, 2000)] == [
        "0 steps", "1 step", "2 steps", "2,000 steps",
    ]  # fmt: skip
    stream = io.StringIO()
    Lines(stream).done(History(finished_by="time", steps=1, seconds=1.0, best_step=1, clipped=1))
    assert "after 1 step in 1.0s;" in stream.getvalue()
    assert "clipped 1 time\n" in stream.getvalue()
