"""Ctrl-C and SIGTERM as a wish to stop, heard between two steps."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any


class StopWish:
    """A context in which SIGINT and SIGTERM set `wanted`; the second SIGINT interrupts at once.

    `deaf` seconds after the first, a SIGINT is not taken for a second wish: torchrun hands on the
    Ctrl-C that the terminal has already sent to every process. Only the main thread hears signals;
    elsewhere the context does nothing.
    """

    def __init__(self, *, deaf: float = 0.0) -> None:
        self.wanted = False
        self._deaf = deaf
        self._heard = 0.0
        self._former: dict[int, Any] = {}

    def __enter__(self) -> StopWish:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, former in self._former.items():
            signal.signal(number, former if former is not None else signal.SIG_DFL)
        self._former.clear()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.wanted and number == signal.SIGINT and now - self._heard >= self._deaf:
            raise KeyboardInterrupt
        if not self.wanted:
            self._heard = now
        self.wanted = True
