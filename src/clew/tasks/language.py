"""Language: running text in; scores, surprise and new text out."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import tempfile
import time as clock
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.tasks import _estimator as shared
from clew.tasks._folder import TOKENIZER, Contents, is_model
from clew.tasks._language.corpora import (
    Corpora,
    Cutting,
    Text,
    encoded,
    pieces,
    prepare,
    unknown_tokens,
)
from clew.tasks._language.generation import Decoding, as_text, read_prompt, write
from clew.tasks._language.live import foreseeing
from clew.tasks._language.memoryless import figures, memoryless
from clew.tasks._language.net import LanguageNetwork
from clew.tasks._language.scoring import LanguageScore, exact_nats, score_corpus
from clew.tasks._language.streams import LanguageProblem
from clew.tasks._live import LiveStream
from clew.tasks._work import Figures, Measured, evaluations, in_time, measured, workspace
from clew.train import Reporter, Silent, TrainSettings, sync, train
from clew.train.history import History
from clew.train.lock import lock_folder

PIECES = {"char": "characters", "word": "words", "bpe": "byte pairs"}
NOTE = (
    "The weights and the moment to stop were chosen on this text. "
    "For a score on text that chose nothing: evaluate(text), or clew fit language --test FILE."
)


class LanguageModel(BaseEstimator):  # type: ignore[misc]
    """A recurrent network that learns to continue a text, as a scikit-learn estimator.

    Text is cut into `unit`s; the network embeds them, reads them with `num_layers` layers of `cell`
    and scores what may come next. It reads the corpus as `batch_size` parallel streams, `window`
    tokens at a time, the state carried from window to window. The last `held_out` share of the
    text decides when to stop and which weights to keep.

    vocabulary_size, min_count: which words (or byte pairs, or characters) are known.
    dropout: on embeddings, between layers and before the scores. tie: the output layer is the
        embedding. residual, init, layer_norm, recurrent_dropout, zoneout: see clew.nn.Stack.
    epochs, learning_rate, weight_decay, clip (longest gradient), warmup (share of the steps),
        patience (evaluations without improvement before it stops). average: decay of the running
        mean of the weights, which is then what is scored and kept; 0 is none.
    baseline: also score what has no memory, and a fixed window. time: seconds or "3m", the most
        that fit may take.

    After fit: network_, tokenizer_, metrics_ (as metrics.json), history_, data_.
    """

    def __init__(
        self,
        *,
        unit: Literal["char", "word", "bpe"] = "char",
        vocabulary_size: int = 10_000,
        min_count: int = 1,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        embedding_size: int = 64,
        hidden_size: int = 256,
        num_layers: int = 2,
        residual: bool = False,
        tie: bool = False,
        dropout: float = 0.2,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        window: int = 128,
        batch_size: int = 32,
        epochs: int = 12,
        learning_rate: float = 4e-3,
        weight_decay: float = 0.05,
        average: float = 0.0,
        clip: float | None = 1.0,
        warmup: float = 0.05,
        patience: int | None = 3,
        held_out: float = 0.1,
        baseline: bool = True,
        seed: int = 0,
        device: str = "auto",
        time: str | float | None = None,
    ) -> None:
        self.unit = unit
        self.vocabulary_size = vocabulary_size
        self.min_count = min_count
        self.cell = cell
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.residual = residual
        self.tie = tie
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.init = init
        self.window = window
        self.batch_size = batch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.average = average
        self.clip = clip
        self.warmup = warmup
        self.patience = patience
        self.held_out = held_out
        self.baseline = baseline
        self.seed = seed
        self.device = device
        self.time = time

    def fit(
        self,
        corpus: Text,
        *,
        validation: Text | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        report: Reporter | None = None,
    ) -> LanguageModel:
        """Learn from a text (str), a list of texts, or Paths to files or folders of *.txt.

        Files are encoded once into a memory-mapped array and never held in memory. validation:
        a text to use in place of a held-out share. out: a new folder for checkpoints and, in the
        end, the model; resume: go on with the run that stopped there, bit for bit. report: a
        listener, see clew.train. Raises InputError for unsound input or settings, for a text that
        is too short, and where `out` holds something already.
        """
        begun = clock.monotonic()
        settings = self._check()
        sync.join()
        tell = report if report is not None and sync.is_main() else Silent()
        folder = sync.on_main(lambda: shared.open_out(out, resume))
        with contextlib.ExitStack() as stack:
            if folder is not None and sync.is_main():
                stack.enter_context(lock_folder(folder))
            work = stack.enter_context(workspace(folder))
            cutting = Cutting(self.unit, self.vocabulary_size, self.min_count)
            corpora = prepare(corpus, validation, self.held_out, cutting, work)
            mark = corpora.fingerprint
            if folder is not None and sync.on_main(lambda: is_model(folder)):
                shared.adopt(self, folder, "language", mark, tell)
                return self
            self.tokenizer_ = corpora.tokenizer
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                self.network_ = self._build(learning=True)
            self.network_.count(pieces(corpora.train))
            settings, before = self._measure(corpora, settings, work, begun, tell)
            self._fit(corpora, settings, before, folder, resume, tell)
            self.metrics_["seconds"] = round(clock.monotonic() - begun, 3)
            if folder is not None and sync.is_main():
                self._write(folder)
        return self

    def _measure(
        self, corpora: Corpora, settings: TrainSettings, work: Path, begun: float, report: Reporter
    ) -> tuple[TrainSettings, Measured]:
        """What models without memory reach, and the settings with the time that is left."""

        def measure() -> Figures:
            return memoryless(
                corpora, limit=settings.time, seed=self.seed, device=self.device, report=report
            )

        mark = f"{corpora.fingerprint} {self.get_params()}"
        found = measured(work, mark, begun, measure if self.baseline else lambda: ({}, {}))
        return in_time(settings, found), found

    def _fit(
        self,
        corpora: Corpora,
        settings: TrainSettings,
        before: Measured,
        folder: Path | None,
        resume: bool,
        report: Reporter,
    ) -> None:
        judged = corpora.judged
        problem = LanguageProblem(
            self.network_, corpora.train, judged.tokens, lengthy=corpora.lengthy,
            batch_size=self.batch_size, window=self.window, seed=self.seed,
        )  # fmt: skip
        look = evaluations(len(problem.plan(0, sync.rank(), sync.world())))
        self.history_: History = train(
            problem, dataclasses.replace(settings, evaluate_every=look), out=folder, resume=resume,
            fingerprint={"data": corpora.fingerprint, **self._own_settings()}, report=report,
        )  # fmt: skip
        assert self.history_.best is not None
        self.data_ = {
            "fingerprint": corpora.fingerprint,
            "tokens": len(corpora.train),
            "characters": corpora.train.characters,
            "held_out_tokens": len(corpora.held_out),
            "vocabulary": len(corpora.tokenizer),
        }
        self.metrics_ = shared.build_metrics(
            figures(self.history_.best, corpora.lengthy), baseline=before.baseline,
            window=before.window, curve=self.history_.to_dict()["rows"],
            seconds=self.history_.seconds, network=self.network_,
        )  # fmt: skip
        self.metrics_["held_out"] = {
            "tokens": len(judged),
            "characters": judged.characters,
            "unknown": unknown_tokens(judged),
            "note": NOTE,
        }

    def evaluate(
        self, text: Text, *, context: int | None = None, positions: int = 10_000
    ) -> LanguageScore:
        """Score a text: nats and bits a token and a character, perplexity.

        Exact, as one stream (a long text is read in pieces side by side until they join without a
        seam); memory does not grow with the length of the text. With `context=n`
        each token is foreseen from only the n before it; of a text of more than `positions` tokens
        that many are then scored, always the same ones, one in each of as many equal pieces. The
        first token is judged by its frequency in the text learned from; pieces that are not in
        the vocabulary are scored as <unk> and counted. Raises InputError as `fit` does for text.
        """
        check_is_fitted(self, "network_")
        for name, value, least in (("context", context, 0), ("positions", positions, 1)):
            if value is not None and (type(value) is not int or value < least):
                raise InputError(
                    f"{name} is {value!r}", where=name, expected=f"a whole number from {least}"
                )
        with tempfile.TemporaryDirectory(prefix="clew-") as work:
            corpus = encoded(text, self.tokenizer_, "text", Path(work))
            return score_corpus(self.network_, corpus, context=context, most=positions)

    def score(self, text: Text) -> LanguageScore:
        """What `evaluate` gives where everything may be seen."""
        return self.evaluate(text)

    def surprise(self, text: str) -> list[tuple[str, float]]:
        """Each token of a text and its -log2 P after those before it, in bits.

        The sum is the text's score in bits.
        """
        check_is_fitted(self, "network_")
        if not isinstance(text, str):
            raise InputError(
                f"this is of type {type(text).__name__}", where="text", expected="a str"
            )
        tokens = np.array(self.tokenizer_.encode(text), dtype=np.int64)
        bits = [nats / math.log(2) for p in exact_nats(self.network_, tokens) for nats in p]
        return list(zip(self.tokenizer_.tokens(text), map(float, bits), strict=True))

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> str:
        """Go on from `prompt`: the new text alone, at most `length` tokens.

        temperature: 1 draws by the model's probabilities, less is bolder, 0 takes the likeliest.
        top_k: among the k likeliest; top_p: among the fewest that have probability p together.
        stop: texts at which to end. seed: the same seed writes the same text. Raises InputError
        for settings that mean nothing and for a prompt with pieces that the model does not know.
        """
        return "".join(
            self.generate_stream(
                prompt, length=length, temperature=temperature, top_k=top_k, top_p=top_p,
                seed=seed, stop=stop,
            )
        )  # fmt: skip

    def generate_stream(
        self,
        prompt: str = "",
        *,
        length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> Iterator[str]:
        """What `generate` writes, piece by piece as it comes; takes the same arguments."""
        check_is_fitted(self, "network_")
        stops = () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop)
        how = Decoding(length, temperature, top_k, top_p, seed, stops)
        tokens = write(self.network_, read_prompt(prompt, self.tokenizer_), how)
        return as_text(tokens, self.tokenizer_.decode, how.stop)

    def stream(self, batch_size: int = 1, dtype: Any = None) -> LiveStream:
        """A reader of tokens one by one that says ln P of every next token (V,).

        Of the first token nothing is said: it is judged by its frequency, as in `surprise`.
        dtype: "bfloat16" keeps the weights in half the memory.
        """
        check_is_fitted(self, "network_")
        return foreseeing(self.network_, self.tokenizer_, batch_size, dtype)

    def save(self, folder: str | Path) -> None:
        """Write the model folder; clew.load reads it back, bit for bit.

        Raises InputError where the folder holds something already, or cannot be written.
        """
        check_is_fitted(self, "network_")
        if sync.is_main():
            target = shared.open_out(folder, resume=False)
            assert target is not None
            self._write(target)

    def _write(self, folder: Path) -> None:
        shared.save(
            self,
            folder,
            task="language",
            title="A language model of " + PIECES[self.tokenizer_.unit],
            network={"vocabulary": len(self.tokenizer_)},
            tokenizer=self.tokenizer_.to_json(),
            figure="bits_per_character",
            use='import clew\n\nmodel = clew.load("{folder}")\nmodel.generate("The ")',
        )

    @classmethod
    def _read(cls, contents: Contents) -> LanguageModel:
        model: LanguageModel = shared.restore(cls, contents)
        contents.check_plausible(model, ("hidden_size", "embedding_size"), ("num_layers",))
        if contents.tokenizer is None:
            raise contents.bad(f"there is no {TOKENIZER}", expected="one, for a language model")
        try:
            model.tokenizer_ = Tokenizer.from_json(contents.tokenizer)
        except InputError as error:
            raise contents.bad(error.what, name=TOKENIZER, expected=error.expected) from error
        if contents.network != {"vocabulary": len(model.tokenizer_)}:
            raise contents.bad("'vocabulary' of 'network' is not the size of the tokenizer")
        shared.furnish(model, contents, lambda: model._build(learning=False))
        return model

    def _check(self) -> TrainSettings:
        """The loop's settings, once every constructor argument is known to be possible."""
        shared.check_sizes(self, ("vocabulary_size", "min_count", "embedding_size", "hidden_size",
                                  "num_layers", "window", "batch_size"))  # fmt: skip
        shared.check_shares(self, ("dropout", "recurrent_dropout", "zoneout", "held_out"))
        shared.check_choice(self, "unit", ("char", "word", "bpe"))
        shared.check_cell(self)
        shared.check_flags(self, ("residual", "tie", "layer_norm", "baseline"))
        if self.held_out == 0:
            raise InputError("held_out is 0", where="held_out", expected="more than 0, below 1")
        return shared.train_settings(self)

    def _own_settings(self) -> dict[str, Any]:
        """The constructor arguments that the loop does not know."""
        loop = {field.name for field in dataclasses.fields(TrainSettings)}
        own = {k: v for k, v in self.get_params(deep=False).items() if k not in loop}
        return dict(shared.plain(own))

    def _build(self, *, learning: bool) -> LanguageNetwork:
        """The network; where its weights will be read from a file, first weights do not matter."""
        init = self.init if learning else "torch"
        return LanguageNetwork(
            len(self.tokenizer_), embedding_size=self.embedding_size,
            hidden_size=self.hidden_size, num_layers=self.num_layers, cell=self.cell,
            residual=self.residual, tie=self.tie, dropout=self.dropout,
            layer_norm=self.layer_norm, recurrent_dropout=self.recurrent_dropout,
            zoneout=self.zoneout, init=init,
            t_max=max(3, self.window) if init == "chrono" else None,
        )  # fmt: skip
