"""Ctrl-C is a wish between steps; a second one is an order."""

import os
import signal
import threading

import pytest

from clew.train.signals import StopWish


def send(number):
    os.kill(os.getpid(), number)


def test_either_signal_is_a_wish_and_handlers_come_back():
    for number in (signal.SIGINT, signal.SIGTERM):
        former = signal.getsignal(number)
        with StopWish() as wish:
            assert not wish.wanted
            send(number)
            assert wish.wanted
        assert signal.getsignal(number) is former


def test_the_second_ctrl_c_interrupts_and_sigterm_after_it_does_not():
    with StopWish():
        send(signal.SIGINT)
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_an_echo_of_the_first_ctrl_c_is_not_a_second():
    with StopWish(deaf=60.0) as wish:
        send(signal.SIGINT)
        send(signal.SIGINT)
        assert wish.wanted


def test_elsewhere_than_in_the_main_thread_signals_are_left_alone():
    former = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with StopWish():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [former]
