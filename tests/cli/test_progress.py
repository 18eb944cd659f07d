import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from clew.cli.progress import Live, duration, reporter, short
from clew.train import Lines, Silent


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (200, "3:20"), (3723, "1:02:03"),
     (float("inf"), "?"), (-1, "0:00")],
)  # fmt: skip
def test_a_duration_is_written_as_people_write_it(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (950, "950"),
        (12_345, "12.3k"),
        (123_456, "123k"),
        (4_100_000, "4.1M"),
        (3e9, "3.0G"),
    ],
)
def test_a_count_takes_at_most_five_characters(number, shown):
    assert short(number) == shown


def test_a_terminal_gets_a_live_line_a_pipe_plain_ones_and_quiet_none(monkeypatch):
    assert isinstance(reporter(), Lines)
    assert isinstance(reporter(quiet=True), Silent)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: True))
    assert isinstance(reporter(), Live)
    monkeypatch.setenv("RANK", "1")
    assert isinstance(reporter(), Silent)


@pytest.fixture
def live():
    """A Live reporter on an imagined terminal of 80 columns, and what it has shown."""
    shown = io.StringIO()
    reporter = Live()
    reporter._console = Console(file=shown, force_terminal=True, width=80, color_system=None)
    return reporter, shown


INFO = SimpleNamespace(
    epochs=4, steps=40, step=0, parameters=1234, unit="tokens", device="cpu", world=1, time=None
)


def row(step, best, **figures):
    return {"step": step, "epoch": step / 10, "seconds": 5.0, "train_loss": 1.5,
            "learning_rate": 0.1, "objective": 1.0, "best": best, **figures}  # fmt: skip


def test_the_live_line_shows_epoch_loss_speed_and_the_time_left(live):
    reporter, shown = live
    reporter.start(INFO)
    reporter.step(
        SimpleNamespace(epoch=2, epochs=4, step=15, steps=40, share=0.375, loss=1.2345, figures={},
                        items_per_second=52_100.0, seconds_left=65.0, unit="tokens",
                        learning_rate=0.1)
    )  # fmt: skip
    reporter._progress.refresh()
    reporter.close()
    line = next(part for part in reversed(shown.getvalue().splitlines()) if "epoch 2/4" in part)
    for part in ("38%", "loss 1.234", "52.1k tokens/s", "1:05 left"):
        assert part in line


def test_every_score_leaves_a_line_under_one_heading(live):
    reporter, shown = live
    reporter.start(INFO)
    reporter.evaluated(row(10, True, accuracy=0.75))
    reporter.evaluated(row(20, False, accuracy=0.5))
    reporter.close()
    lines = [line.rstrip() for line in shown.getvalue().splitlines()]
    heading = [n for n, line in enumerate(lines) if "accuracy" in line]
    assert len(heading) == 1
    scores = [line for line in lines if "0:05" in line]
    assert [line.split()[-2:] for line in scores] == [["0.7500", "best"], ["1.5000", "0.5000"]]


def test_the_terminal_is_given_back_also_after_an_error(live):
    reporter, shown = live
    reporter.start(INFO)
    assert "\x1b[?25l" in shown.getvalue()  # the cursor is hidden while the line moves
    reporter.close()
    assert shown.getvalue().rindex("\x1b[?25h") > shown.getvalue().rindex("\x1b[?25l")
