"""Translate: pairs of sequences in, a sequence for a new one out."""

from __future__ import annotations

import contextlib
import time as clock
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clew.data.pairs import Pairs as FilePairs
from clew.errors import InputError
from clew.tasks import _estimator as shared
from clew.tasks._folder import Contents, is_model
from clew.tasks._translate.answers import Candidate, Chat, Speaker
from clew.tasks._translate.data import (
    Cutting,
    Prepared,
    Tell,
    check_pairs,
    files_of,
    prepare,
)
from clew.tasks._translate.files import prepare_files
from clew.tasks._translate.fit import (
    begin,
    build,
    check_settings,
    figures,
    learn,
    without_attention,
)
from clew.tasks._translate.scores import METRICS, chosen
from clew.tasks._translate.sides import Sides
from clew.tasks._work import undone, workspace
from clew.train import Reporter, Silent, TrainSettings, sync
from clew.train.history import History
from clew.train.lock import lock_folder

if TYPE_CHECKING:
    from clew.tasks._translate.alignment import Alignment

NOTE = (
    "The weights and the moment to stop were chosen on these pairs. "
    "For a score on some that chose nothing: score(X, y), or clew fit translate --test FILE."
)


class Translator(BaseEstimator):  # type: ignore[misc]
    """A recurrent network that reads a sequence and writes another, as a scikit-learn estimator.

    A sequence is a text (`str`) or a list of tokens. Both sides are cut into `unit`s. An encoder
    of `num_layers` layers of `cell` reads the source (in both directions when `bidirectional`), a
    decoder of as many writes the answer, and with `attention` looks back at what the encoder said
    at every step: "additive" (Bahdanau et al. 2015), "general" or "dot" (Luong et al. 2015). None
    is the bottleneck: only the last state is handed over (Sutskever et al. 2014). A `held_out`
    share of the distinct sources decides when to stop and which weights to keep.

    vocabulary_size, min_count: which units are known, of each side. shared: one vocabulary for
        both. lowercase: read sources in lowercase. max_length: pairs with more pieces on a side are
        left out of training; the longest answer, unless the source is longer.
    hidden_size: H, of the decoder; the encoder has H / 2 in each direction, or H in one.
    input_feeding: what was decided at a step is read at the next (Luong et al. 2015); slower to
        train. tie: the output layer is the embedding of the targets.
    dropout: on embeddings, between layers and before the scores. label_smoothing: probability
        spread over all pieces while training. teacher_forcing: the share of the truth in what the
        decoder reads at the end of training, falling from 1.
    unknown: "copy" puts the source piece that an unknown one looks at in its place, "keep" <unk>.
    init, layer_norm, recurrent_dropout, zoneout: see clew.nn.LSTM.
    epochs, batch_size (pairs), learning_rate, weight_decay, clip (longest gradient), warmup (share
        of the steps), patience (evaluations without improvement before it stops). average: decay
        of the running mean of the weights, which is what is scored and kept; 0 is none.
    baseline: train the same without attention, too, and show its scores: twice the work. time:
        seconds or "3m", the most that fit may take.

    After fit: network_, source_tokenizer_, target_tokenizer_, metrics_ (as metrics.json),
    history_, data_.
    """

    def __init__(
        self,
        *,
        unit: Literal["bpe", "word", "char"] = "bpe",
        vocabulary_size: int = 8_000,
        min_count: int = 1,
        shared: bool = False,
        lowercase: bool = False,
        max_length: int = 100,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        embedding_size: int = 256,
        hidden_size: int = 512,
        num_layers: int = 1,
        bidirectional: bool = True,
        attention: Literal["additive", "general", "dot"] | None = "general",
        input_feeding: bool = False,
        tie: bool = True,
        dropout: float = 0.3,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        label_smoothing: float = 0.1,
        teacher_forcing: float = 1.0,
        unknown: Literal["copy", "keep"] = "copy",
        epochs: int = 10,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        average: float = 0.999,
        clip: float | None = 1.0,
        warmup: float = 0.05,
        patience: int | None = 3,
        held_out: float = 0.05,
        baseline: bool = False,
        seed: int = 0,
        device: str = "auto",
        time: str | float | None = None,
    ) -> None:
        self.unit = unit
        self.vocabulary_size = vocabulary_size
        self.min_count = min_count
        self.shared = shared
        self.lowercase = lowercase
        self.max_length = max_length
        self.cell = cell
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.attention = attention
        self.input_feeding = input_feeding
        self.tie = tie
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.init = init
        self.label_smoothing = label_smoothing
        self.teacher_forcing = teacher_forcing
        self.unknown = unknown
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
        conversation: Sequence[Any] | None = None,
        validation: Any = None,
        out: str | Path | None = None,
        resume: bool = False,
        report: Reporter | None = None,
    ) -> Translator:
        """Learn from sources X and their targets y.

        Without y, X is a file of pairs, two files whose lines belong together (a tuple), or what
        clew.data.pairs.read_pairs made of them, which says what layouts are read. Files, chosen
        columns of them too (clew.data.pairs.PairFiles), are encoded once and never held in memory.
        conversation: an id for each pair; pairs that follow one another with the same id are turns
        and replies of one conversation, and what is read before a reply is all that was said (needs
        shared=True). validation: (X, y) to use in place of a held-out share. out: a new folder for
        checkpoints and, in the end, the model; resume: go on with the run that stopped there, bit
        for bit. report: a listener, see clew.train.report. Raises InputError for unsound input or
        settings, and where `out` holds something already.
        """
        begun = clock.monotonic()
        settings = self._check()
        sync.join()
        tell = report if report is not None and sync.is_main() else Silent()
        folder = sync.on_main(lambda: shared.open_out(out, resume))
        with undone(folder), contextlib.ExitStack() as stack:
            if folder is not None and sync.is_main():
                stack.enter_context(lock_folder(folder))
            work = stack.enter_context(workspace(folder))
            prepared = self._prepare(X, y, conversation, validation, work / "data", tell.message)
            mark = prepared.fingerprint
            if folder is not None and sync.on_main(lambda: is_model(folder)):
                shared.adopt(self, folder, "translate", mark, tell)
                return self
            self._take(prepared.sides)
            settings, before = without_attention(
                self, prepared, settings, work=work, folder=folder, begun=begun, report=tell
            )
            self._fit(prepared, settings, before.baseline, folder, resume, tell)
            self.metrics_["seconds"] = round(clock.monotonic() - begun, 3)
            if folder is not None and sync.is_main():
                self._write(folder)
        return self

    def _prepare(
        self, X: Any, y: Any, conversation: Any, validation: Any, work: Path, tell: Tell
    ) -> Prepared:
        """The pairs to learn from and those held out; of files, encoded in the folder `work`."""
        cutting = Cutting(
            self.unit, int(self.vocabulary_size), int(self.min_count), bool(self.lowercase),
            bool(self.shared), int(self.max_length),
        )  # fmt: skip
        share, seed = float(self.held_out), int(self.seed)
        files = files_of(X) if y is None and conversation is None else None
        apart = None if validation is None else files_of(validation)
        if files is not None and (validation is None or apart is not None):
            return prepare_files(files, apart, cutting, share, seed, work, tell)
        pairs, judged = check_pairs(X, y, conversation), None
        if validation is not None:
            judged = check_pairs(*_two(validation), names=("validation X", "validation y"))
        return prepare(pairs, judged, cutting, share, seed, tell)

    def _fit(
        self, prepared: Prepared, settings: TrainSettings, baseline: dict[str, Any],
        folder: Path | None, resume: bool, report: Reporter,
    ) -> None:  # fmt: skip
        self.network_ = begin(self, prepared, self.attention)
        self.history_: History = learn(
            self, self.network_, prepared, settings, out=folder, resume=resume, report=report
        )
        score = figures(self, self.network_, prepared, self.history_, report)
        self.data_ = {
            "fingerprint": prepared.fingerprint,
            "pairs": len(prepared.train),
            "held_out": len(prepared.held_out),
            "source_pieces": prepared.sides.source.size,
            "target_pieces": prepared.sides.target.size,
        }
        self.metrics_ = shared.build_metrics(
            score, baseline=baseline, window={}, curve=self.history_.to_dict()["rows"],
            seconds=self.history_.seconds, network=self.network_,
        )  # fmt: skip
        self.metrics_["held_out"] = {"pairs": len(prepared.held_out), "note": NOTE}

    def predict(self, X: Any, *, beam: int | None = None, length_penalty: float = 0.6) -> list[Any]:
        """The answer to each source: a text, or a list of tokens where those were learned.

        beam: answers followed at once; None takes the likeliest piece at every step (greedy).
        length_penalty: alpha of log P / ((5 + n) / 6)^alpha, by which answers of n pieces are
        compared (Wu et al. 2016). An answer has at most max_length pieces, or as many as its
        source. Raises InputError for what is no sequence.
        """
        return [best[0].answer for best in self._candidates(X, beam, 1, length_penalty)]

    def translate(self, text: Any, *, beam: int | None = None, length_penalty: float = 0.6) -> Any:
        """The answer to one source; takes what `predict` takes."""
        [answer] = self.predict([text], beam=beam, length_penalty=length_penalty)
        return answer

    def candidates(
        self, X: Any, *, n_best: int, beam: int | None = None, length_penalty: float = 0.6
    ) -> list[list[Candidate]]:
        """The `n_best` best answers to each source, found by a beam of at least as many."""
        width = beam if beam is not None or not isinstance(n_best, int) else max(1, n_best)
        return self._candidates(X, width, n_best, length_penalty)

    def _candidates(
        self, X: Any, beam: int | None, n_best: int, length_penalty: float
    ) -> list[list[Candidate]]:
        check_is_fitted(self, "network_")
        speaker = self._speaker()
        how = speaker.search(beam, n_best, length_penalty)
        return speaker.answers(speaker.sides.source.check(X, "X"), how)

    def align(self, source: Any, target: Any = None) -> Alignment:
        """What each piece of a target looks at in the source, by attention.

        target: where it is not given, what the translator answers. Raises InputError for a
        translator without attention.
        """
        check_is_fitted(self, "network_")
        if self.attention is None:
            raise InputError(
                "align of a translator without attention",
                where="attention",
                expected="additive, general or dot",
            )
        speaker = self._speaker()
        [read] = speaker.sides.source.check([source], "source")
        answer = self.translate(read) if target is None else target
        [written] = speaker.sides.target.check([answer], "target")
        from clew.tasks._translate.alignment import Alignment

        sides = speaker.sides
        return Alignment(
            sides.source.closed(read), sides.target.closed(written),
            speaker.weights(read, written), joined=sides.source.kind == "text",
        )  # fmt: skip

    def score(
        self, X: Any, y: Any = None, *, metric: str = "bleu", beam: int | None = None
    ) -> float:
        """How close the answers to X are to y, one reference each, from 0 to 100.

        metric: "bleu" and "chrf" of the corpus, as sacrebleu has them, "rouge": the mean ROUGE-L F1
        for summaries. Raises InputError for another, and where its package is not installed.
        """
        judge = chosen(metric)
        return judge(*self._judged(X, y, beam))

    def scores(self, X: Any, y: Any = None, *, beam: int | None = None) -> dict[str, float]:
        """BLEU, chrF and ROUGE-L of the answers to X, each from 0 to 100."""
        found, truth = self._judged(X, y, beam)
        return {name: metric(found, truth) for name, metric in METRICS.items()}

    def _judged(self, X: Any, y: Any, beam: int | None) -> tuple[list[Any], list[Any]]:
        check_is_fitted(self, "network_")
        pairs = check_pairs(X, y, sides=self._sides)
        if len(pairs) == 0:
            raise InputError("there is nothing to score", where="X", expected="one or more")
        return self.predict(pairs.sources, beam=beam), pairs.targets

    def chat(self, *, beam: int | None = None, length_penalty: float = 0.6) -> Chat:
        """A conversation: chat.say(text) answers with all in mind that was said before.

        Raises InputError for a translator of token lists.
        """
        check_is_fitted(self, "network_")
        if self._sides.source.kind != "text" or self._sides.target.kind != "text":
            raise InputError("chat of a translator of token lists", expected="one of texts")
        speaker = self._speaker()
        return Chat(speaker, speaker.search(beam, 1, length_penalty))

    def _speaker(self) -> Speaker:
        return Speaker(
            self.network_.eval(), self._sides, int(self.max_length), self.unknown == "copy"
        )

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
            task="translate",
            title="A translator",
            network=self._sides.sizes(),
            tokenizer=self._sides.to_json(),
            figure="nats_per_piece",
            use='import clew\n\nmodel = clew.load("{folder}")\nmodel.translate("...")',
        )

    @classmethod
    def _read(cls, contents: Contents) -> Translator:
        model: Translator = shared.restore(cls, contents)
        contents.check_plausible(model, ("hidden_size", "embedding_size"), ("num_layers",))
        model._take(Sides.read(contents, model.shared))
        shared.furnish(model, contents, lambda: build(model, model._sides, model.attention, None))
        return model

    def _take(self, sides: Sides) -> None:
        self._sides = sides
        self.source_tokenizer_, self.target_tokenizer_ = (
            sides.source.tokenizer, sides.target.tokenizer
        )  # fmt: skip

    def _check(self) -> TrainSettings:
        """The loop's settings, once every constructor argument is known to be possible."""
        return check_settings(self)


def _two(validation: Any) -> tuple[Any, Any]:
    """The validation's X and y; of files there is no y."""
    if isinstance(validation, FilePairs) or files_of(validation) is not None:
        return validation, None
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise InputError(
            f"validation is of type {type(validation).__name__}",
            where="validation",
            expected="a pair (X, y), or a file of pairs",
        )
    return validation[0], validation[1]
