"""Tag: sentences in, a tag for each word out, and maybe a label for the whole."""

from __future__ import annotations

import contextlib
import dataclasses
import time as clock
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clew.errors import InputError
from clew.nn import Stack
from clew.tasks import _estimator as shared
from clew.tasks._folder import Contents, is_model
from clew.tasks._tag.baseline import without_memory
from clew.tasks._tag.corpora import Knowledge, Prepared, prepare
from clew.tasks._tag.encoder import TagEncoder
from clew.tasks._tag.inputs import given, given_aside, words_of
from clew.tasks._tag.judge import Judge, evaluated
from clew.tasks._tag.live import TagStream, tagging
from clew.tasks._tag.net import TaggerNetwork, chain
from clew.tasks._tag.problem import Found, TagProblem, judged, probabilities, tagged
from clew.tasks._work import Figures, Measured, measured, undone, workspace
from clew.train import sync
from clew.train.lock import lock_folder
from clew.train.loop import train
from clew.train.report import Reporter, Silent
from clew.train.settings import TrainSettings

USED_TIME, LEAST_TIME = 0.97, 0.1  # shares of `time`: before the model is written, for learning
NOTE = (
    "The weights and the moment to stop were chosen on these sentences. "
    "For a score on some that chose nothing: score(X, y), or clew fit tag --test FILE."
)


class Tagger(BaseEstimator):  # type: ignore[misc]
    """A recurrent network that gives each word of a sentence a tag, as a scikit-learn estimator.

    A word is known by its own vector and by its letters, which a bidirectional LSTM reads; the
    sentence is read by `num_layers` layers of `cell` (in both directions when `bidirectional`),
    and every output is scored. Where tags are spans (B-, I-, O), a conditional random field
    decides on all tags of a sentence together (Lample et al. 2016). With a label for each sentence
    one network learns both. A `held_out` share of the sentences decides when to stop and which
    weights to keep.

    vocabulary_size, min_count, lowercase: which words have a vector (their letters are read as they
        stand). character_size: units over the letters, each way; 0 reads none.
    crf: True, False, or None, which is True for spans. metric: "accuracy" of the tags, "f1" of the
        spans, or "auto", which is f1 for spans.
    dropout: on words, between layers and before the scores. word_dropout: the share of known
        words that is read as unknown, by letters only, while training. label_smoothing: probability
        spread over the other tags while training (not with a CRF).
    init, layer_norm, recurrent_dropout, zoneout: see clew.nn.LSTM.
    epochs, batch_size (sentences), learning_rate, weight_decay, clip (longest gradient), warmup
        (share of the steps), patience (evaluations without improvement before it stops). average:
        decay of the running mean of the weights, which is what is scored and kept; 0 is none.
    baseline: also score what has no memory. time: seconds or "3m", the most that fit may take.

    After fit: tags_ (K,), labels_ (C,) or None, network_, metrics_ (as metrics.json), history_,
    data_.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int = 50_000,
        min_count: int = 1,
        lowercase: bool = True,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        embedding_size: int = 100,
        character_size: int = 50,
        hidden_size: int = 200,
        num_layers: int = 2,
        bidirectional: bool = True,
        crf: bool | None = None,
        metric: Literal["auto", "accuracy", "f1"] = "auto",
        dropout: float = 0.4,
        word_dropout: float = 0.1,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        label_smoothing: float = 0.1,
        epochs: int = 8,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
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
        self.vocabulary_size = vocabulary_size
        self.min_count = min_count
        self.lowercase = lowercase
        self.cell = cell
        self.embedding_size = embedding_size
        self.character_size = character_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.crf = crf
        self.metric = metric
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.layer_norm = layer_norm
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.init = init
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
        y: Any = None,
        *,
        labels: Any = None,
        word: str | int | None = None,
        validation: Any = None,
        out: str | Path | None = None,
        resume: bool = False,
        report: Reporter | None = None,
    ) -> Tagger:
        """Learn from sentences X, lists of words, and y, a list of tags for each.

        labels: a label for each sentence, to be learned as well. X may be a Path to a file (see
        clew.data.tagged.iter_tagged), which is encoded once and never held in memory: y and `word`
        then name the columns of tags and words, `labels` the label; None is the usual. validation:
        (X, y), (X, y, labels) or a Path, to use in place of a held-out share. out: a new folder for
        checkpoints and, in the end, the model; resume: go on with the run that stopped there, bit
        for bit. report: a listener, see clew.train.report.

        Spans that begin with I- are read as if with B-, as conlleval does, and that is reported.
        Raises InputError for unsound input, for fewer than two tags, and where `out` holds
        something already.
        """
        begun = clock.monotonic()
        settings = self._check()
        sync.join()
        tell = report if report is not None and sync.is_main() else Silent()
        folder = sync.on_main(lambda: shared.open_out(out, resume))
        source = given(X, y, labels, word=word)
        aside = None if validation is None else given_aside(validation, source, y, labels, word)
        with undone(folder), contextlib.ExitStack() as stack:
            if folder is not None and sync.is_main():
                stack.enter_context(lock_folder(folder))
            work = stack.enter_context(workspace(folder))
            known = Knowledge(
                int(self.vocabulary_size), int(self.min_count), bool(self.lowercase),
                float(self.held_out), settings.seed,
            )  # fmt: skip
            prepared = prepare(source, aside, known, work)
            if folder is not None and sync.on_main(lambda: is_model(folder)):
                shared.adopt(self, folder, "tag", prepared.fingerprint, tell)
                return self
            for note in prepared.notes:
                tell.message(note)
            self._fit(prepared, settings, work, folder, resume, tell, begun)
            self.metrics_["seconds"] = round(clock.monotonic() - begun, 3)
            if folder is not None and sync.is_main():
                self._write(folder)
        return self

    def _fit(
        self,
        prepared: Prepared,
        settings: TrainSettings,
        work: Path,
        folder: Path | None,
        resume: bool,
        report: Reporter,
        begun: float,
    ) -> None:
        encoder, store = prepared.encoder, prepared.store
        self._take(encoder)
        if self.metric == "f1" and not encoder.spans:
            told = "tags such as B-place, I-place and O"
            raise InputError("metric is 'f1', and the tags are no spans", expected=told)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network_ = self._build(int(store.lengths[prepared.train].max()))
        held_out = judged(prepared.held_out, store.lengths)
        judge = Judge(encoder, store, held_out, self._figure())

        def measure() -> Figures:
            sizes = int(self.embedding_size), int(self.hidden_size), int(self.batch_size)
            return without_memory(
                prepared, held_out, judge, settings, report, self._figure(), sizes
            )

        mark = f"{prepared.fingerprint} {self.get_params()}"
        before = measured(work, mark, begun, measure if self.baseline else lambda: ({}, {}))
        if settings.time is not None:
            rest = USED_TIME * settings.time - before.seconds
            settings = dataclasses.replace(settings, time=max(rest, LEAST_TIME * settings.time))
        problem = TagProblem(
            self.network_, store, prepared.train, held_out, judge,
            batch_size=int(self.batch_size), seed=settings.seed, word_dropout=self.word_dropout,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        self.history_ = train(
            problem, settings, out=folder, resume=resume,
            fingerprint={"data": prepared.fingerprint, **self._own_settings()}, report=report,
        )  # fmt: skip
        self.network_.eval()
        self._report(prepared, before, problem.evaluate().figures, held_out)

    def _report(
        self, prepared: Prepared, before: Measured, figures: dict[str, float], held_out: np.ndarray
    ) -> None:
        words, judged = int(prepared.store.lengths[held_out].sum()), len(held_out)
        self.data_ = prepared.facts()
        self.metrics_ = shared.build_metrics(
            {**figures, "words": words, "sentences": judged},
            baseline=before.baseline, window=before.window,
            curve=self.history_.to_dict()["rows"], seconds=self.history_.seconds,
            network=self.network_,
        )  # fmt: skip
        self.metrics_["held_out"] = {"sentences": judged, "note": NOTE}

    def predict(self, X: Any) -> list[list[str]]:
        """The best tags of each sentence: of X, lists of words or texts (cut at spaces)."""
        return [[self._encoder.tags[tag] for tag in tags] for tags in self._answers(X).tags]

    def predict_labels(self, X: Any) -> np.ndarray:
        """The likeliest label of each sentence (N,).

        Raises InputError for a tagger that was given no labels to learn.
        """
        check_is_fitted(self, "network_")
        if self.labels_ is None:
            raise InputError(
                "this tagger has learned no labels of sentences", expected="fit(X, y, labels=...)"
            )
        labels = self._answers(X).labels
        return self.labels_[:0] if labels is None else self.labels_[labels]

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """Of each sentence the probabilities (T, K) of the tags, in the order of tags_.

        With a CRF they are its marginals: of each word, all tags of the others considered.
        """
        check_is_fitted(self, "network_")
        return probabilities(self.network_.eval(), self._encoder.encode_words(words_of(X)))

    def score(self, X: Any, y: Any = None) -> float:
        """The share of words that get their tag, or F1 of the spans, by `metric`; see evaluate."""
        return self.evaluate(X, y)[self._figure()]

    def evaluate(
        self, X: Any, y: Any = None, *, labels: Any = None, word: str | int | None = None
    ) -> dict[str, float]:
        """All figures of new sentences; X, y, labels and word as in fit.

        accuracy of the tags; of spans precision, recall and f1 (strict, as conlleval counts);
        sentences all of whose tags are right; label_accuracy where labels are given. A tag or
        label that was not there in training is a mistake; how many there are is unseen.
        """
        check_is_fitted(self, "network_")
        source = given(X, y, labels, word=word)
        judge, found = evaluated(self.network_.eval(), self._encoder, source)
        return judge.figures(found)

    def by_kind(
        self, X: Any, y: Any = None, *, word: str | int | None = None
    ) -> dict[str, dict[str, float]]:
        """precision, recall, f1 and number of the spans of each kind, or of each tag."""
        check_is_fitted(self, "network_")
        judge, found = evaluated(self.network_.eval(), self._encoder, given(X, y, word=word))
        return judge.kinds(found)

    def stream(self, batch_size: int = 1, dtype: Any = None) -> TagStream:
        """A reader of sentences word by word that says at once the probabilities of tags_.

        dtype: "bfloat16" keeps the weights of the layers in half the memory. Raises InputError for
        a tagger that reads in both directions, or decides on all tags together (crf).
        """
        check_is_fitted(self, "network_")
        return tagging(self.network_, self._encoder, batch_size, dtype)

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
        joint = "" if self.labels_ is None else ", and of whole sentences"
        shared.save(
            self,
            folder,
            task="tag",
            title=f"A tagger of words{joint}",
            network=self._encoder.sizes(),
            tokenizer=self._encoder.pieces.to_json(),
            figure=self._figure(),
            use='import clew\n\nmodel = clew.load("{folder}")\nmodel.predict(["a sentence"])',
        )

    @classmethod
    def _read(cls, contents: Contents) -> Tagger:
        model: Tagger = shared.restore(cls, contents)
        sizes = ["hidden_size", "embedding_size", *["character_size"] * bool(model.character_size)]
        contents.check_plausible(model, sizes, ("num_layers",))
        model._take(TagEncoder.read(contents, bool(model.lowercase)))
        shared.furnish(model, contents, lambda: model._build(None))
        return model

    def _check(self) -> TrainSettings:
        """The loop's settings, once every constructor argument is known to be possible."""
        shared.check_sizes(self, ("vocabulary_size", "min_count", "embedding_size", "hidden_size",
                                  "num_layers", "batch_size"))  # fmt: skip
        shared.check_counts(self, ("character_size",))
        shared.check_shares(
            self, ("dropout", "word_dropout", "label_smoothing", "recurrent_dropout", "zoneout",
                   "held_out")
        )  # fmt: skip
        shared.check_cell(self)
        shared.check_choice(self, "metric", ("auto", "accuracy", "f1"))
        shared.check_flags(self, ("lowercase", "bidirectional", "layer_norm", "baseline"))
        if self.crf is not None:
            shared.check_flags(self, ("crf",))
        if self.held_out == 0:
            raise InputError("held_out is 0", where="held_out", expected="more than 0, below 1")
        return shared.train_settings(self)

    def _take(self, encoder: TagEncoder) -> None:
        self._encoder = encoder
        self.tags_ = np.array(encoder.tags)
        self.labels_ = np.array(encoder.labels) if encoder.labels else None

    def _figure(self) -> str:
        """The figure that decides."""
        if self.metric == "auto":
            return "f1" if self._encoder.spans else "accuracy"
        return str(self.metric)

    def _answers(self, X: Any) -> Found:
        check_is_fitted(self, "network_")
        store = self._encoder.encode_words(words_of(X))
        return tagged(self.network_.eval(), store, np.arange(len(store)))

    def _build(self, longest: int | None) -> TaggerNetwork:
        """The network; `longest` (words) is for chrono initialisation, None for stored weights."""
        encoder = self._encoder
        init = self.init if longest is not None else "torch"
        stack = Stack(
            int(self.embedding_size) + 2 * int(self.character_size),
            int(self.hidden_size), int(self.num_layers),
            cell=self.cell, bidirectional=self.bidirectional,
            dropout=self.dropout, layer_norm=self.layer_norm,
            recurrent_dropout=self.recurrent_dropout, zoneout=self.zoneout, init=init,
            t_max=max(3, longest or 3) if init == "chrono" else None,
        )  # fmt: skip
        together = encoder.spans if self.crf is None else self.crf
        return TaggerNetwork(
            stack, vocabulary=len(encoder.pieces), embedding_size=int(self.embedding_size),
            letters=len(encoder.letters) + 2, character_size=int(self.character_size),
            tags=len(encoder.tags), labels=len(encoder.labels), dropout=self.dropout,
            crf=chain(encoder.tags, encoder.spans) if together else None,
        )  # fmt: skip

    def _own_settings(self) -> dict[str, Any]:
        """Constructor arguments that the loop does not hold against a checkpoint itself."""
        loop = {field.name for field in dataclasses.fields(TrainSettings)}
        own = self.get_params(deep=False).items()
        return {name: shared.plain(value) for name, value in own if name not in loop}
