"""A language model as a stream: a token in, the log-probabilities of the next one out."""

from __future__ import annotations

from typing import Any

from clew.data.text import Tokenizer
from clew.tasks._language.net import LanguageNetwork
from clew.tasks._live import LiveStream


def foreseeing(
    network: LanguageNetwork, tokenizer: Tokenizer, batch_size: int, dtype: Any
) -> LiveStream:
    """The stream of a language model."""
    table = network.embedding.weight
    return LiveStream(
        network.stack,
        table=table,
        pool="last",
        weight=table if network.weight is None else network.weight,
        bias=network.bias,
        ending="log_probabilities",
        names=tokenizer.vocabulary,
        encode=tokenizer.encode,
        batch_size=batch_size,
        dtype=dtype,
    )
