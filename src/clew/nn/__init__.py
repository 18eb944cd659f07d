"""Recurrent layers and what is built of them: stacks, attention, CRFs, streams, traces, ONNX."""

from clew.kernels.loss import linear_cross_entropy
from clew.nn.attention import AdditiveAttention, DotAttention, GeneralAttention
from clew.nn.crf import CRF
from clew.nn.init import chrono_, orthogonal_
from clew.nn.onnx import onnx_translations
from clew.nn.recurrent import GRU, LSTM, RNN
from clew.nn.stack import Stack
from clew.nn.stream import Stream
from clew.nn.trace import GRUTrace, LSTMTrace, RNNTrace, Trace

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "DotAttention",
    "GRUTrace",
    "GeneralAttention",
    "LSTMTrace",
    "RNNTrace",
    "Stack",
    "Stream",
    "Trace",
    "chrono_",
    "linear_cross_entropy",
    "onnx_translations",
    "orthogonal_",
]
