"""Transcribe: recordings with what is said in them in, the text of new recordings out."""

from __future__ import annotations

import contextlib
import dataclasses
import time as clock
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clew.data.features import Mel
from clew.data.resample import check_rate
from clew.errors import InputError, Interrupted
from clew.nn import Stack
from clew.tasks import _estimator as shared
from clew.tasks._folder import Contents, is_model
from clew.tasks._transcribe.heard import Heard, heard, one_sound
from clew.tasks._transcribe.listening import Decoding, transcripts
from clew.tasks._transcribe.live import LiveTranscript
from clew.tasks._transcribe.net import TranscriberNetwork
from clew.tasks._transcribe.problem import Learning, SpeechProblem, judged
from clew.tasks._transcribe.said import Said, sides
from clew.tasks._transcribe.scores import ErrorRates, error_rates
from clew.tasks._transcribe.transcript import Transcript
from clew.tasks._transcribe.units import Units
from clew.tasks._transcribe.variation import Variation
from clew.tasks._transcribe.yardstick import time_left, without_memory
from clew.tasks._work import Measured, measured, undone, workspace
from clew.train import checkpoint, sync
from clew.train.history import History
from clew.train.lock import lock_folder
from clew.train.loop import train
from clew.train.report import Reporter, Silent
from clew.train.settings import TrainSettings

FLOOR = 5.0  # nats: what noise of one step of 16 bits gives; below it there is nothing to hear
NOTE = (
    "The weights and the moment to stop were chosen on these recordings. "
    "For a score on some that chose nothing: error_rates(X, y), or clew fit transcribe --test FILE."
)


class Transcriber(BaseEstimator):  # type: ignore[misc]
    """A recurrent network that writes what is said in a recording, as a scikit-learn estimator.

    A recording is a sound file (WAV, FLAC, ...) or an array of samples; it becomes `bins` log-mel
    energies every 10 ms, `stack` of which make one step. `num_layers` layers of `cell` read the
    steps, in both directions when `bidirectional`, and at each step one unit of the text or none is
    said; how the units lie along the steps is learned (CTC, Graves et al. 2006). A `held_out` share
    of the recordings decides when to stop and which weights to keep.

    sample_rate: samples a second; files of another rate are resampled, arrays are of this one.
    unit: "char", "word" or "bpe"; vocabulary_size: of the last two. lowercase: A is written as a.
    speed, volume: while training, recordings are up to that share faster or slower, and up to that
    many dB louder or softer. time_masks, time_span, frequency_masks, frequency_span: how many spans
        of up to so many frames, or bands, are hidden (SpecAugment, Park et al. 2019).
    dropout: between layers and before the scores. init, layer_norm, recurrent_dropout, zoneout:
        see clew.nn.LSTM.
    epochs, batch_size (recordings), learning_rate, weight_decay, clip (longest gradient), warmup
        (share of the steps), patience (evaluations without improvement before it stops). average:
        decay of the running mean of the weights, which is what is scored and kept; 0 is none.
    baseline: also train what has no memory. time: seconds or "3m", the most that fit may take.

    After fit: network_, units_, metrics_ (as metrics.json), history_, data_.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 16_000,
        bins: int = 40,
        stack: int = 4,
        unit: Literal["char", "word", "bpe"] = "char",
        vocabulary_size: int = 1000,
        lowercase: bool = True,
        cell: Literal["lstm", "gru", "rnn"] = "gru",
        hidden_size: int = 128,
        num_layers: int = 2,
        bidirectional: bool = True,
        dropout: float = 0.2,
        layer_norm: bool = True,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        speed: float = 0.1,
        volume: float = 6.0,
        time_masks: int = 2,
        time_span: int = 10,
        frequency_masks: int = 2,
        frequency_span: int = 6,
        epochs: int = 10,
        batch_size: int = 16,
        learning_rate: float = 4e-3,
        weight_decay: float = 0.01,
        average: float = 0.998,
        clip: float | None = 1.0,
        warmup: float = 0.05,
        patience: int | None = 5,
        held_out: float = 0.1,
        baseline: bool = True,
        seed: int = 0,
        device: str = "auto",
        time: str | float | None = None,
    ) -> None:
        self.sample_rate = sample_rate
        self.bins = bins
        self.stack = stack
        self.unit = unit
        self.vocabulary_size = vocabulary_size
        self.lowercase = lowercase
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.init = init
        self.speed = speed
        self.volume = volume
        self.time_masks = time_masks
        self.time_span = time_span
        self.frequency_masks = frequency_masks
        self.frequency_span = frequency_span
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
        validation: Any = None,
        out: str | Path | None = None,
        resume: bool = False,
        report: Reporter | None = None,
    ) -> Transcriber:
        """Learn from recordings X and the text of each, y; or from a manifest or folder X alone.

        X: a list of sound files or of arrays (N,) of samples; or the path of a manifest, or what
        clew.data.speech.read_speech made of one. validation: a pair (X, y), or a manifest, to use
        in place of a held-out share. out: a new folder for checkpoints and, in the end, the model;
        resume: go on with the run that stopped there, bit for bit. report: a listener, see
        clew.train.report. Raises InputError for unsound input, naming the recording; and where
        `out` holds something.
        """
        begun = clock.monotonic()
        settings = self._check()
        sync.join()
        tell = report if report is not None and sync.is_main() else Silent()
        folder = sync.on_main(lambda: shared.open_out(out, resume))
        parts = [heard(X, y)]
        if validation is not None:
            pair = validation if isinstance(validation, tuple | list) else (validation, None)
            if len(pair) != 2:
                raise InputError("validation is no pair", where="validation", expected="(X, y)")
            parts.append(heard(*pair, name="validation"))
        mark = " ".join(part.fingerprint for part in parts)
        with undone(folder), contextlib.ExitStack() as stack:
            if folder is not None and sync.is_main():
                stack.enter_context(lock_folder(folder))
            if folder is not None and sync.on_main(lambda: is_model(folder)):
                shared.adopt(self, folder, "transcribe", mark, tell)
                return self
            work = stack.enter_context(workspace(folder))
            learned, apart, self.units_ = sides(
                parts, self._mel(), work, self.held_out, seed=self.seed, together=int(self.stack),
                learn=self._units, tell=tell.message,
            )  # fmt: skip
            before = self._measure(learned, apart, settings, work, mark, begun, folder)
            if figures := before.baseline:
                tell.message(f"{figures['name']}: word error rate {figures['wer']:.4f}")
            self._fit(learned, apart, before, settings, mark, folder, resume, tell)
            self.metrics_["seconds"] = round(clock.monotonic() - begun, 3)
            if folder is not None and sync.is_main():
                self._write(folder)
        return self

    def _measure(
        self, learned: Said, apart: Said, settings: TrainSettings, work: Path, mark: str,
        begun: float, folder: Path | None,
    ) -> Measured:  # fmt: skip
        """What a network without memory reaches; found again where a fit is resumed."""

        def measure() -> tuple[dict[str, Any], dict[str, Any]]:
            if not self.baseline:
                return {}, {}
            found = without_memory(
                learned, apart, self.units_, settings, self._how(), together=int(self.stack),
                hidden_size=int(self.hidden_size), dropout=float(self.dropout),
            )  # fmt: skip
            return found, {}

        try:
            return measured(work, f"{mark} {self.get_params()}", begun, measure)
        except KeyboardInterrupt:
            if folder is not None and checkpoint.exists(folder):  # of the run to be resumed
                raise Interrupted(folder=folder) from None
            raise KeyboardInterrupt from None

    def _fit(
        self, learned: Said, apart: Said, before: Measured, settings: TrainSettings, mark: str,
        folder: Path | None, resume: bool, report: Reporter,
    ) -> None:  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network_ = self._build(int(learned.lengths.max()))
        self.network_.measure(*learned.store.spread(learned.places))
        self.history_: History = train(
            SpeechProblem(self.network_, learned, apart, self.units_, self._how()),
            time_left(settings, before.seconds, self.baseline), out=folder, resume=resume,
            fingerprint={"data": mark, **self._own_settings()}, report=report,
        )  # fmt: skip
        score = sync.on_main(lambda: judged(self.network_, apart, self.units_))
        self.data_ = {
            "fingerprint": mark,
            "recordings": len(learned),
            "hours": round(self._mel().seconds(float(learned.lengths.sum())) / 3600, 4),
            "held_out": len(apart),
            "units": len(self.units_),
        }
        self.metrics_ = shared.build_metrics(
            {**score, "recordings": len(apart)}, baseline=before.baseline, window={},
            curve=self.history_.to_dict()["rows"], seconds=self.history_.seconds,
            network=self.network_,
        )  # fmt: skip
        words = sum(len(text.split()) for text in apart.texts)
        self.metrics_["held_out"] = {"recordings": len(apart), "words": words, "note": NOTE}

    def transcribe(
        self,
        sound: Any,
        *,
        rate: int | None = None,
        beam: int = 1,
        language_model: Any = None,
        weight: float = 0.5,
        bonus: float = 0.0,
    ) -> Transcript:
        """What is said in a sound file, or in samples at `rate` (N,): text, words with their times.

        beam: 1 takes the likeliest unit of every step, more searches that many texts side by side.
        language_model: a LanguageModel of characters that has a say in the search: what is found
        has the most ln P(text | sound) + weight ln P(text) + bonus characters (Hannun et al. 2014).
        Raises InputError for what is no sound, naming it.
        """
        check_is_fitted(self, "network_")
        decoding = Decoding(beam, language_model, weight, bonus)
        given = one_sound(sound, rate, int(self.sample_rate))
        return next(self._transcripts(given, decoding))

    def predict(
        self,
        X: Any,
        *,
        beam: int = 1,
        language_model: Any = None,
        weight: float = 0.5,
        bonus: float = 0.0,
    ) -> list[str]:
        """The text of every recording, a list; the arguments are those of `transcribe`."""
        check_is_fitted(self, "network_")
        decoding = Decoding(beam, language_model, weight, bonus)
        return [each.text for each in self._transcripts(heard(X, spoken=False), decoding)]

    def error_rates(
        self,
        X: Any,
        y: Any = None,
        *,
        beam: int = 1,
        language_model: Any = None,
        weight: float = 0.5,
        bonus: float = 0.0,
    ) -> ErrorRates:
        """Rates of wrong words and characters, with their counts, on recordings X with texts y.

        X may be a manifest. The other arguments are those of `transcribe`. Where the model writes
        in lower case the texts are compared so; units that it cannot write are errors.
        """
        check_is_fitted(self, "network_")
        given = heard(X, y)
        decoding = Decoding(beam, language_model, weight, bonus)
        truth = [self.units_.text(text) for text in given.texts]
        return error_rates(truth, [each.text for each in self._transcripts(given, decoding)])

    def score(self, X: Any, y: Any = None) -> float:
        """1 less the word error rate: 1 is without a mistake, and it may be below 0."""
        return 1.0 - self.error_rates(X, y).wer

    def stream(self, rate: int | None = None) -> LiveTranscript:
        """A listener that writes while samples, `rate` of them a second, come in chunk by chunk.

        What it has written in the end is, to the letter, what `transcribe` makes of the whole.
        Raises InputError for a transcriber that reads in both directions.
        """
        check_is_fitted(self, "network_")
        return LiveTranscript(self.network_, self.units_, self._mel(), rate)

    def _transcripts(self, given: Heard, decoding: Decoding) -> Iterator[Transcript]:
        return transcripts(self.network_, self.units_, given, self._mel(), decoding)

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
            self, folder, task="transcribe", title="A transcriber of recordings",
            network={"units": len(self.units_)}, tokenizer=self.units_.tokenizer.to_json(),
            figure="wer",
            use='import clew\n\nmodel = clew.load("{folder}")\nmodel.transcribe("speech.wav").text',
        )  # fmt: skip

    @classmethod
    def _read(cls, contents: Contents) -> Transcriber:
        model: Transcriber = shared.restore(cls, contents)
        contents.check_plausible(model, ("hidden_size", "bins", "stack"), ("num_layers",))
        model.units_ = Units.read(contents)
        shared.furnish(model, contents, lambda: model._build(None))
        return model

    def _check(self) -> TrainSettings:
        """The loop's settings, once every constructor argument is known to be possible."""
        shared.check_sizes(self, ("sample_rate", "bins", "stack", "vocabulary_size", "hidden_size",
                                  "num_layers", "batch_size"))  # fmt: skip
        check_rate(self.sample_rate, "sample_rate")
        shared.check_shares(self, ("dropout", "recurrent_dropout", "zoneout", "held_out", "speed"))
        shared.check_choice(self, "unit", ("char", "word", "bpe"))
        shared.check_cell(self)
        shared.check_flags(self, ("lowercase", "bidirectional", "layer_norm", "baseline"))
        if self.held_out == 0:
            raise InputError("held_out is 0", where="held_out", expected="more than 0, below 1")
        settings = shared.train_settings(self)
        self._mel()
        self._how().variation.check()
        return settings

    def _mel(self) -> Mel:
        return Mel(rate=int(self.sample_rate), bins=int(self.bins), floor=FLOOR)

    def _units(self, texts: list[str]) -> Units:
        return Units.learn(texts, self.unit, int(self.vocabulary_size), self.lowercase)

    def _how(self) -> Learning:
        variation = Variation(
            self.speed, self.volume, self.time_masks, self.time_span,
            self.frequency_masks, self.frequency_span,
        )  # fmt: skip
        return Learning(int(self.batch_size), int(self.seed), FLOOR, variation)

    def _build(self, longest: int | None) -> TranscriberNetwork:
        """The network; `longest` (frames) is for chrono initialisation, None for stored weights."""
        init = self.init if longest is not None else "torch"
        reader = Stack(
            int(self.bins) * int(self.stack), int(self.hidden_size), int(self.num_layers),
            cell=self.cell, bidirectional=self.bidirectional, dropout=self.dropout,
            layer_norm=self.layer_norm, recurrent_dropout=self.recurrent_dropout,
            zoneout=self.zoneout, init=init,
            t_max=max(3, (longest or 3) // int(self.stack)) if init == "chrono" else None,
        )  # fmt: skip
        return TranscriberNetwork(
            reader, bins=int(self.bins), together=int(self.stack), units=len(self.units_),
            dropout=self.dropout,
        )  # fmt: skip

    def _own_settings(self) -> dict[str, Any]:
        """Constructor arguments that the loop does not hold against a checkpoint itself."""
        loop = {field.name for field in dataclasses.fields(TrainSettings)}
        own = self.get_params(deep=False).items()
        return {name: shared.plain(value) for name, value in own if name not in loop}
