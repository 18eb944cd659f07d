"""Classify: sequences with a label in, a label for new sequences out."""

from __future__ import annotations

import contextlib
import dataclasses
import time as clock
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from clew.data.labelled_series import LongColumns
from clew.errors import InputError, Interrupted
from clew.nn import Stack
from clew.tasks import _estimator as shared
from clew.tasks._classify.encoder import Encoder, check_classes, places
from clew.tasks._classify.labelling import Examples, LabelProblem, paced, probabilities
from clew.tasks._classify.live import classifying
from clew.tasks._classify.net import POOLS, ClassifierNetwork
from clew.tasks._classify.scaling import lengths
from clew.tasks._classify.tfidf import figures
from clew.tasks._classify.yardsticks import WINDOW_TIME, counting_share, without_memory
from clew.tasks._examples import Sequences, check_labels, check_sequences, fingerprint, sides
from clew.tasks._folder import Contents, is_model
from clew.tasks._live import LiveStream
from clew.train import checkpoint, sync
from clew.train.history import History
from clew.train.lock import lock_folder
from clew.train.loop import train
from clew.train.report import Reporter, Silent
from clew.train.settings import TrainSettings

EPOCHS = 6
NETWORK_TIME = 0.95  # share of `time`, less that of what has no memory; the rest is for writing
NOTE = (
    "The weights and the moment to stop were chosen on these examples. "
    "For a score on some that chose nothing: score(X, y), or clew fit classify --test FILE."
)
_SORTS = {"text": "texts", "tokens": "lists of tokens", "arrays": "arrays"}


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A recurrent network that gives a sequence a label, as a scikit-learn estimator.

    A sequence is a text (`str`), a list of tokens, or an array (T, D) of numbers. Text is cut
    into `unit`s; the network embeds them, reads them with `num_layers` layers of `cell` (in both
    directions when `bidirectional`), makes one vector of the outputs by `pool` and scores the
    classes. A `held_out` share of the examples decides when to stop and which weights to keep.

    vocabulary_size, min_count, lowercase: which units of the text are known (for token lists the
        first two). max_length: longer texts keep their end; None keeps everything.
    scaling: of arrays; "standard" gives each channel mean 0 and deviation 1 over the examples
        trained on. missing: NaN in arrays is refused, or read as the mean with a further channel
        that marks it ("mask"); infinity is always refused.
    dropout: on embeddings, between layers and before the scores. word_dropout: the share of known
        words that is read as unknown while training. label_smoothing: probability spread over the
        other labels while training.
    init, layer_norm, recurrent_dropout, zoneout: see clew.nn.LSTM.
    epochs: None reads text 6 times, and few series until 400 steps are made. batch_size
        (sequences), learning_rate, weight_decay, clip (longest gradient), warmup (share of the
        steps), patience (evaluations without improvement before it stops). average: decay of the
        running mean of the weights, which is what is scored and kept; 0 is none.
    baseline: also score what has no memory. time: seconds or "3m", the most that fit may take.

    After fit: classes_ (C,), network_, tokenizer_, columns_, metrics_ (as metrics.json), history_,
    data_.
    """

    def __init__(
        self,
        *,
        unit: Literal["word", "char", "bpe"] = "word",
        vocabulary_size: int = 20_000,
        min_count: int = 1,
        lowercase: bool = True,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        embedding_size: int = 100,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        pool: Literal["max", "last", "mean", "attention"] = "max",
        dropout: float = 0.5,
        word_dropout: float = 0.1,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        max_length: int | None = None,
        scaling: Literal["standard", "none"] = "standard",
        missing: Literal["refuse", "mask"] = "refuse",
        label_smoothing: float = 0.1,
        epochs: int | None = None,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        average: float = 0.998,
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
        self.lowercase = lowercase
        self.cell = cell
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pool = pool
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.layer_norm = layer_norm
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.init = init
        self.max_length = max_length
        self.scaling = scaling
        self.missing = missing
        self.label_smoothing = label_smoothing
        self.epochs = epochs
        self.batch_size = batch_size
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
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None = None,
        columns: LongColumns | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        report: Reporter | None = None,
    ) -> Classifier:
        """Learn from sequences X and their labels y (text, whole numbers or booleans).

        validation: (X, y) to use in place of a held-out share. columns: of the table that arrays
        were read from (see read_series), kept as columns_ to read others like it. out: a new
        folder for checkpoints and, in the end, the model; resume: go on with the run that stopped
        there, bit for bit. report: a listener, see clew.train.report. Raises InputError for unsound
        input, for fewer than two classes, and where `out` holds something already.
        """
        begun = clock.monotonic()
        settings = self._check()
        sync.join()
        tell = report if report is not None and sync.is_main() else Silent()
        folder = sync.on_main(lambda: shared.open_out(out, resume))
        gaps = self.missing == "mask"
        sequences = check_sequences(X, gaps=gaps)
        labels = check_labels(y, len(sequences))
        parts = [(sequences, labels)]
        classes = check_classes(labels)
        if validation is not None:
            if not isinstance(validation, tuple | list) or len(validation) != 2:
                raise InputError(
                    f"validation is of type {type(validation).__name__}", expected="a pair (X, y)"
                )
            apart = check_sequences(validation[0], sequences.kind, sequences.features, gaps=gaps)
            other = check_labels(validation[1], len(apart))
            if len(places(classes, other, "validation y")) == 0:
                raise InputError("there is nothing in it", where="validation", expected="(X, y)")
            parts.append((apart, other))
        with contextlib.ExitStack() as stack:
            if folder is not None and sync.is_main():
                stack.enter_context(lock_folder(folder))
            mark = fingerprint(*parts)
            if folder is not None and sync.on_main(lambda: is_model(folder)):
                shared.adopt(self, folder, "classify", mark, tell)
                return self
            self._fit(parts, classes, columns, settings, mark, folder, resume, tell, begun)
            if folder is not None and sync.is_main():
                self._write(folder)
        return self

    def _fit(
        self,
        parts: list[tuple[Sequences, np.ndarray]],
        classes: np.ndarray,
        columns: LongColumns | None,
        settings: TrainSettings,
        mark: str,
        folder: Path | None,
        resume: bool,
        report: Reporter,
        begun: float,
    ) -> None:
        learned, apart = sides(parts, self.held_out, seed=self.seed, tell=report.message)
        encoder = Encoder.learn(
            learned[0], classes, unit=self.unit, size=self.vocabulary_size,
            min_count=self.min_count, lowercase=self.lowercase, max_length=self.max_length,
            standard=self.scaling == "standard", gaps=self.missing == "mask", columns=columns,
        )  # fmt: skip
        self._take(encoder)
        train_part, held_out = (
            Examples(encoder.encode(side), places(classes, labels, "y"))
            for side, labels in (learned, apart)
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network_ = self._build(int(lengths(train_part.sequences).max()))
        if self.epochs is None and encoder.kind == "arrays":
            settings = paced(settings, len(train_part), int(self.batch_size))
        baseline: dict[str, Any] = {}
        window: dict[str, Any] = {}
        share = NETWORK_TIME
        if self.baseline:
            try:
                baseline, window = without_memory(
                    learned[0], apart[0], train_part, held_out, settings, encoder,
                    embedding_size=int(self.embedding_size), hidden_size=int(self.hidden_size),
                    dropout=self.dropout, batch_size=int(self.batch_size),
                )  # fmt: skip
            except KeyboardInterrupt:
                if folder is not None and checkpoint.exists(folder):  # of the run to be resumed
                    raise Interrupted(folder=folder) from None
                raise KeyboardInterrupt from None
            for found in (baseline, window):
                report.message(f"{found['name']}: accuracy {found['accuracy']:.4f}")
            share -= WINDOW_TIME + counting_share(learned[0], settings.time)
        if settings.time is not None:
            settings = dataclasses.replace(settings, time=share * settings.time)
        problem = LabelProblem(
            self.network_, train_part, held_out,
            batch_size=int(self.batch_size), seed=settings.seed, word_dropout=self.word_dropout,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        self.history_: History = train(
            problem, settings, out=folder, resume=resume,
            fingerprint={"data": mark, **self._own_settings()}, report=report,
        )  # fmt: skip
        self.network_.eval()
        score = {
            **figures(probabilities(self.network_, held_out.sequences), held_out.classes),
            "examples": len(held_out),
        }
        self.data_ = {
            "fingerprint": mark,
            "sequences": len(train_part),
            "held_out": len(held_out),
            "classes": len(self.classes_),
        }
        self.metrics_ = shared.build_metrics(
            score, baseline=baseline, window=window, curve=self.history_.to_dict()["rows"],
            seconds=clock.monotonic() - begun, network=self.network_,
        )  # fmt: skip
        self.metrics_["held_out"] = {"examples": len(held_out), "note": NOTE}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        return tags

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, C), columns in the order of classes_; every row sums to 1."""
        check_is_fitted(self, "network_")
        sequences = self._encoder.check(X)
        if len(sequences) == 0:
            return np.zeros((0, len(self.classes_)))
        return probabilities(self.network_.eval(), self._encoder.encode(sequences))

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of every sequence (N,)."""
        best = self.predict_proba(X).argmax(1)
        found: np.ndarray = self.classes_[best]
        return found

    def score(self, X: Any, y: Any) -> float:
        """The share of sequences that get their label (accuracy).

        Raises InputError for a label that was not there in training.
        """
        check_is_fitted(self, "network_")
        sequences = self._encoder.check(X)
        truth = places(self.classes_, check_labels(y, len(sequences)), "y")
        if len(truth) == 0:
            raise InputError("there is nothing to score", where="X", expected="one or more")
        return float((self.predict_proba(X).argmax(1) == truth).mean())

    def stream(self, batch_size: int = 1, dtype: Any = None) -> LiveStream:
        """A reader of sequences step by step that says the probabilities of classes_ so far.

        After the last step they are those of predict_proba (max_length is not applied). dtype:
        "bfloat16" keeps the weights in half the memory. Raises InputError for a classifier that
        reads in both directions, or pools by attention.
        """
        check_is_fitted(self, "network_")
        return classifying(self.network_, self._encoder, batch_size, dtype)

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
        tokenizer = self._encoder.tokenizer
        shared.save(
            self,
            folder,
            task="classify",
            title=f"A classifier of {_SORTS[self._encoder.kind]}",
            network=self._encoder.sizes(),
            tokenizer=None if tokenizer is None else tokenizer.to_json(),
            figure="accuracy",
            use='import clew\n\nmodel = clew.load("{folder}")\nmodel.predict([sequence])',
        )

    @classmethod
    def _read(cls, contents: Contents) -> Classifier:
        model: Classifier = shared.restore(cls, contents)
        model._take(encoder := Encoder.read(contents, model.max_length))
        if encoder.kind == "arrays" and encoder.scaling is None:
            model.scaling = "none"  # of folders written before there was a choice
        sizes = ("hidden_size",) if encoder.kind == "arrays" else ("hidden_size", "embedding_size")
        contents.check_plausible(model, sizes, ("num_layers",))
        shared.furnish(model, contents, lambda: model._build(None))
        return model

    def _check(self) -> TrainSettings:
        """The loop's settings, once every constructor argument is known to be possible."""
        shared.check_sizes(self, ("vocabulary_size", "min_count", "embedding_size", "hidden_size",
                                  "num_layers", "batch_size"))  # fmt: skip
        if self.max_length is not None:
            shared.check_sizes(self, ("max_length",))
        shared.check_shares(
            self, ("dropout", "word_dropout", "label_smoothing", "recurrent_dropout", "zoneout",
                   "held_out")
        )  # fmt: skip
        shared.check_choice(self, "unit", ("word", "char", "bpe"))
        shared.check_cell(self)
        shared.check_choice(self, "pool", POOLS)
        shared.check_choice(self, "scaling", ("standard", "none"))
        shared.check_choice(self, "missing", ("refuse", "mask"))
        shared.check_flags(self, ("lowercase", "bidirectional", "layer_norm", "baseline"))
        if self.held_out == 0:
            raise InputError("held_out is 0", where="held_out", expected="more than 0, below 1")
        return shared.train_settings(self, **({"epochs": EPOCHS} if self.epochs is None else {}))

    def _take(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.classes_, self.tokenizer_ = encoder.classes, encoder.tokenizer
        self.columns_ = encoder.columns

    def _build(self, longest: int | None) -> ClassifierNetwork:
        """The network; `longest` (steps) is for chrono initialisation, None for stored weights."""
        init = self.init if longest is not None else "torch"
        vocabulary = self._encoder.vocabulary
        stack = Stack(
            self._encoder.width or int(self.embedding_size),
            int(self.hidden_size), int(self.num_layers),
            cell=self.cell, bidirectional=self.bidirectional,
            dropout=self.dropout, layer_norm=self.layer_norm,
            recurrent_dropout=self.recurrent_dropout, zoneout=self.zoneout, init=init,
            t_max=max(3, longest or 3) if init == "chrono" else None,
        )  # fmt: skip
        return ClassifierNetwork(
            stack, vocabulary=vocabulary, embedding_size=int(self.embedding_size),
            classes=len(self.classes_), pool=self.pool, dropout=self.dropout,
        )  # fmt: skip

    def _own_settings(self) -> dict[str, Any]:
        """Constructor arguments that the loop does not hold against a checkpoint itself."""
        loop = {field.name for field in dataclasses.fields(TrainSettings)}
        own = self.get_params(deep=False).items()
        return {name: shared.plain(value) for name, value in own if name not in loop}
