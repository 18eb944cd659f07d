"""A classifier as a stream: a token or an array in, the probabilities so far out."""

from __future__ import annotations

from typing import Any

from clew.errors import InputError
from clew.kernels.stream import Pool
from clew.nn import checks
from clew.tasks._classify.encoder import Encoder
from clew.tasks._classify.net import ClassifierNetwork
from clew.tasks._live import Encode, LiveStream
from clew.tasks._pieces import Pieces


def classifying(
    network: ClassifierNetwork, encoder: Encoder, batch_size: int, dtype: Any
) -> LiveStream:
    """The stream of a classifier; InputError for one that has to see the whole sequence first."""
    checks.one_way(network.stack, "stream")
    pools: dict[str, Pool] = {"last": "last", "max": "max", "mean": "mean"}
    if network.pool not in pools:
        raise InputError(
            f"stream of a classifier with pool={network.pool!r}, which weighs all steps anew "
            "after each",
            where="pool",
            expected="'max', 'mean' or 'last'",
        )
    tokenizer = encoder.tokenizer
    encode: Encode | None = None
    if isinstance(tokenizer, Pieces):
        pieces = tokenizer
        encode = lambda token: pieces.encode_batch([[token]])[0]  # noqa: E731
    elif tokenizer is not None:
        encode = tokenizer.encode
    return LiveStream(
        network.stack,
        table=None if network.embedding is None else network.embedding.weight,
        pool=pools[network.pool],
        weight=network.output.weight,
        bias=network.output.bias,
        ending="probabilities",
        names=encoder.classes.tolist(),
        encode=encode,
        scale=encoder.scaling,
        features=encoder.features,
        gaps=encoder.gaps,
        batch_size=batch_size,
        dtype=dtype,
    )
