"""Recurrent layers and what is built of them."""

from clew.nn.recurrent import GRU, LSTM, RNN
from clew.nn.stack import Stack

__all__ = ["GRU", "LSTM", "RNN", "Stack"]
