"""Compose: tunes in; their likelihood, and new ones written note by note, out."""

from __future__ import annotations

import contextlib
import tempfile
import time as clock
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clew.errors import InputError
from clew.tasks import _estimator as shared
from clew.tasks._compose import fit as fitting
from clew.tasks._compose import roll_data, roll_fit
from clew.tasks._compose.composing import Request
from clew.tasks._compose.composition import Composition
from clew.tasks._compose.prepare import only, prepare
from clew.tasks._compose.problem import figures, tune_nats
from clew.tasks._compose.sources import notation_of
from clew.tasks._compose.vocabulary import Notation, Vocabulary
from clew.tasks._folder import TOKENIZER, Contents, is_model
from clew.tasks._step import reading
from clew.tasks._work import undone, workspace
from clew.train import Reporter, Silent, TrainSettings, sync
from clew.train.lock import lock_folder

NOTE = (
    "The weights and the moment to stop were chosen on these tunes. "
    "For a score on some that chose nothing: score(tunes), or clew fit compose --test FILE."
)


class Composer(BaseEstimator):  # type: ignore[misc]
    """A recurrent network that learns tunes and writes new ones, as a scikit-learn estimator.

    P(tune) = prod_t P(x_t | x_1 .. x_{t-1}), the x_t tokens of the notation: of ABC its notes, bar
    lines and chord symbols, of MIDI events, of a piano roll the notes of each step. The network
    embeds them and reads them with `num_layers` layers of `cell`. A `held_out` share of the
    different tunes decides when to stop and which weights to keep.

    notation: "abc", "midi", "roll", or "auto": by the files.
    transpose: learn in one key what was written in several: a tune in ABC is moved to the key of
        its mode without signs, others are moved anew in each epoch.
    notes: of a piano roll, the notes of one step "in turn", each given those above it, or
        "independent" (as Bai et al. 2018).
    window: tokens or steps that the gradient goes back; the state is carried further.
    dropout: on embeddings, between layers and before the scores. residual, init, layer_norm,
        recurrent_dropout, zoneout: see clew.nn.Stack.
    epochs, patience (evaluations without improvement before it stops): None is chosen by the
        notation. ABC and MIDI are read 20 times, patience 5; piano rolls until 1,500 steps are
        made, 20 to 100 times, with no stop before.
    batch_size (tunes), learning_rate, weight_decay, clip (longest gradient), warmup (share of the
        steps). average: decay of the running mean of the weights, which is what is scored and
        kept; 0 is none.
    baseline: also score what has no memory: n-grams. time: seconds or "3m", the most that fit may
        take.

    After fit: network_, vocabulary_, metrics_ (as metrics.json), history_, data_.
    """

    def __init__(
        self,
        *,
        notation: Literal["auto", "abc", "midi", "roll"] = "auto",
        transpose: bool = True,
        notes: Literal["in turn", "independent"] = "in turn",
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        embedding_size: int = 64,
        hidden_size: int = 256,
        num_layers: int = 2,
        residual: bool = False,
        dropout: float = 0.4,
        layer_norm: bool = False,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        init: Literal["torch", "orthogonal", "chrono"] = "torch",
        window: int = 512,
        batch_size: int = 16,
        epochs: int | None = None,
        learning_rate: float = 4e-3,
        weight_decay: float = 0.05,
        average: float = 0.99,
        clip: float | None = 1.0,
        warmup: float = 0.05,
        patience: int | None = None,
        held_out: float = 0.1,
        baseline: bool = True,
        seed: int = 0,
        device: str = "auto",
        time: str | float | None = None,
    ) -> None:
        self.notation = notation
        self.transpose = transpose
        self.notes = notes
        self.cell = cell
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.residual = residual
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
        data: Any,
        *,
        validation: Any = None,
        errors: Literal["raise", "skip"] = "raise",
        out: str | Path | None = None,
        resume: bool = False,
        report: Reporter | None = None,
    ) -> Composer:
        """Learn from tunes: an .abc file, a folder of .abc or .mid files, a .json of piano rolls.

        Or a list of what the readers of clew.data make of them. They are encoded once and never
        held in memory. validation: tunes to use in place of a held-out share. errors: "skip" leaves
        out tunes that do not parse. out: a new folder for checkpoints and, in the end, the model;
        resume: go on with the run that stopped there, bit for bit. report: a listener, see
        clew.train. Raises InputError for what does not parse, naming file, tune and line, for
        settings that are not possible, and where `out` holds something already.
        """
        begun = clock.monotonic()
        settings = self._check()
        if errors not in ("raise", "skip"):
            raise InputError(f"errors is {errors!r}", where="errors", expected="raise or skip")
        sync.join()
        tell = report if report is not None and sync.is_main() else Silent()
        folder = sync.on_main(lambda: shared.open_out(out, resume))
        notation = notation_of(data, self.notation, "data")
        with contextlib.ExitStack() as stack:
            stack.enter_context(undone(folder))
            if folder is not None and sync.is_main():
                stack.enter_context(lock_folder(folder))
            work = stack.enter_context(workspace(folder))
            mark, learn = self._prepared(data, validation, errors, notation, work / "data")
            if folder is not None and sync.on_main(lambda: is_model(folder)):
                shared.adopt(self, folder, "compose", mark, tell)
                return self
            learn(
                settings, own=fitting.own(self), work=work, out=folder, resume=resume, report=tell,
                begun=begun,
            )  # fmt: skip
            held = self.metrics_.setdefault("held_out", {"tunes": self.data_["held_out"]})
            held["note"] = NOTE
            self.metrics_["seconds"] = round(clock.monotonic() - begun, 3)
            if folder is not None and sync.is_main():
                self._write(folder)
        return self

    def _prepared(
        self, data: Any, validation: Any, errors: str, notation: str, work: Path
    ) -> tuple[str, Callable[..., None]]:
        """The fingerprint of what is learned from, and what learns it."""
        share, seed = float(self.held_out), int(self.seed)
        self.vocabulary_: Vocabulary | None = None
        self._grid: int | None = None  # steps a quarter of piano rolls
        if notation == "roll":
            rolls = roll_data.given(data, validation, share, seed)
            self._grid = rolls.grid
            return rolls.fingerprint, partial(roll_fit.fit, self, rolls)
        tunes = prepare(
            data, validation, notation=cast(Notation, notation), share=share, seed=seed,
            errors=errors, common=bool(self.transpose), work=work,
        )  # fmt: skip
        self.vocabulary_ = tunes.vocabulary
        return tunes.fingerprint, partial(fitting.fit, self, tunes)

    def evaluate(self, tunes: Any) -> dict[str, Any]:
        """How well tunes are foretold: nats and bits a token and a character, perplexity.

        tunes: as `fit` takes them. Raises InputError as `fit` does.
        """
        check_is_fitted(self, "network_")
        if self.vocabulary_ is None:
            return roll_fit.evaluate(self.network_, tunes)
        with tempfile.TemporaryDirectory(prefix="clew-") as work, reading(self.network_):
            part = only(tunes, self.vocabulary_, bool(self.transpose), Path(work))
            nats = tune_nats(self.network_, part, int(self.window))
            return {
                **figures(float(nats.sum()), part),
                "tunes": len(part), "tokens": part.tokens, "characters": part.characters,
                "unknown": part.unknown(),
            }  # fmt: skip

    def score(self, tunes: Any) -> float:
        """The mean of ln P of a token, or step, of these tunes, in nats: higher is better."""
        return -float(self.evaluate(tunes)[self._figure])

    @property
    def _figure(self) -> str:
        return roll_fit.FIGURE if self.vocabulary_ is None else "nats_per_token"

    def compose(
        self,
        key: str | None = None,
        metre: str | None = None,
        bars: int | None = None,
        *,
        temperature: float = 1.0,
        top_p: float | None = None,
        seed: int | None = None,
        prompt: Any = None,
        n: int = 1,
    ) -> Composition | list[Composition]:
        """Write a tune, or a list of `n` where that is more than 1.

        key, metre: "G", "Ador"; "6/8": what is not given is that of the prompt, or without a prompt
        drawn, both together, as the tunes learned from have them. bars: its length, a pickup and
        the bar it completes counted as one; drawn where none is given. temperature: 1 draws by the
        model's probabilities, less is more careful, 0 takes the likeliest. top_p: among the fewest
        that have probability p together. seed: the same seed writes the same. prompt: an opening
        to go on from, ABC or a Tune. Every bar is full, repeats are closed. What came of it says
        how much of it is in the tunes learned from (`.recall`). Raises InputError for a metre or
        mode that was not learned, for a prompt that overfills a bar, and for settings that mean
        nothing.
        """
        request = Request(
            key=key, metre=metre, bars=bars, temperature=temperature, top_p=top_p, seed=seed,
            prompt=prompt, n=n,
        )  # fmt: skip
        found = list(self._composing().compose(request))
        return found[0] if n == 1 else found

    def writing(
        self,
        key: str | None = None,
        metre: str | None = None,
        bars: int | None = None,
        *,
        temperature: float = 1.0,
        top_p: float | None = None,
        seed: int | None = None,
        prompt: Any = None,
    ) -> Iterator[str]:
        """What `compose` writes, token by token as it comes; takes the same arguments."""
        request = Request(
            key=key, metre=metre, bars=bars, temperature=temperature, top_p=top_p, seed=seed,
            prompt=prompt,
        )  # fmt: skip
        found: Iterator[str] = self._composing().writing(request)
        return found

    def _composing(self) -> Any:
        check_is_fitted(self, "network_")
        return fitting.composing(self.network_, self.vocabulary_, bool(self.transpose), self._grid)

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
        words = self.vocabulary_
        shared.save(
            self,
            folder,
            task="compose",
            title="A composer of " + (fitting.TITLES[words.notation] if words else "piano rolls"),
            network=(fitting if words else roll_fit).sizes(self.network_),
            tokenizer=words.to_json() if words else None,
            figure=self._figure,
            use='import clew\n\nmodel = clew.load("{folder}")\nprint(model.compose())',
        )

    @classmethod
    def _read(cls, contents: Contents) -> Composer:
        model: Composer = shared.restore(cls, contents)
        contents.check_plausible(model, ("hidden_size", "embedding_size"), ("num_layers",))
        if contents.tokenizer is None:
            model.vocabulary_, model._grid = None, fitting.check_grid(contents)
            rolls = roll_fit.check_sizes(contents)
            shared.furnish(model, contents, lambda: roll_fit.make(model, *rolls, learning=False))
            roll_fit.check_memory(contents, model.network_)
            return model
        try:
            model.vocabulary_ = Vocabulary.from_json(contents.tokenizer)
            model._grid = None
        except InputError as error:
            raise contents.bad(error.what, name=TOKENIZER, expected=error.expected) from error
        sizes = fitting.check_sizes(contents, model.vocabulary_)
        shared.furnish(model, contents, lambda: fitting.build(model, *sizes, learning=False))
        fitting.check_memory(contents, model.network_)
        return model

    def _check(self) -> TrainSettings:
        """The loop's settings, once every constructor argument is known to be possible."""
        return fitting.check_settings(self)
