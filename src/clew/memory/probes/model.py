"""A network that has learnt a probe: a subject of the instruments, whose truth is known."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clew.errors import InputError
from clew.memory.probes import store
from clew.memory.probes.batch import Probe, Score, check_length, check_whole
from clew.memory.probes.judging import judge, losses
from clew.memory.probes.network import Architecture, ProbeNetwork
from clew.memory.probes.problem import HELD_OUT, Learning, ProbeProblem
from clew.memory.subject import Case
from clew.memory.subjects import parts
from clew.train import Reporter, Silent, checkpoint, train
from clew.train.seeding import seed_for

Reading: TypeAlias = Callable[[int], nn.Module]

_QUIET = Silent()
_AT_ONCE = 64  # sequences


@dataclass(frozen=True, eq=False)
class ProbeModel(parts.Traits):
    """A network and the probe it learnt; as a subject, asked at the step that needs most memory.

    length: of the sequences that cases are drawn from. architecture: None of a reader of one's own.
    history: the curve of its training. first: the weights that it began with; None where they were
    another model's, and this one was read from its folder, which has the last ones only.
    """

    probe: Probe
    learning: Learning
    architecture: Architecture | None
    length: int
    history: Mapping[str, Any]
    first: Mapping[str, Tensor] | None
    started: bool = False  # from the weights of another model

    def at_length(self, length: int) -> ProbeModel:
        """The same model, asked on sequences of another length.

        Raises InputError for a length that cannot be.
        """
        check_length(self.probe, length)
        return replace(self, length=length)

    def score(self, length: int | None = None, count: int = 500, seed: int = 0) -> Score:
        """Loss and accuracy on `count` new sequences of a length, or of that of its cases.

        Raises InputError for no sequences, or a length or seed that cannot be.
        """
        check_whole("count", count, 1)
        check_whole("seed", seed, 0)
        at = self.length if length is None else self.at_length(length).length
        rest, batches = count, []
        while rest > 0:
            drawn = seed_for(seed, HELD_OUT, at, rest)
            batches.append(self.probe.draw(min(rest, _AT_ONCE), at, drawn))
            rest -= _AT_ONCE
        return judge(self.probe, self.network, batches)

    def save(self, folder: str | Path) -> None:
        """Write a model folder; `ProbeModel.load` reads it.

        Raises InputError for a reader of one's own, which no file can describe, or where the folder
        cannot be written.
        """
        if self.architecture is None:
            raise InputError(
                "a reader of one's own cannot be saved",
                where="reader",
                hint="save its state_dict, and learn or load it yourself",
            )
        store.write(
            folder, self.network, self.probe, self.architecture, self.learning, self.history,
            asdict(self.score()), self.started,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: str | Path) -> ProbeModel:
        """Read a model folder. Raises InputError that names the file and what is wrong."""
        network, probe, architecture, learning, history, started = store.read(folder)
        anew = _built(probe, learning, architecture.build).state_dict()
        first = None if started else dict(anew)
        return _model(probe, network, learning, architecture, history, first, started)

    # As a subject

    def cases(self, count: int, reach: int, seed: int = 0) -> list[Case]:
        """New sequences, each asked once; see Subject."""
        if count < 1 or reach < 0:
            raise InputError(
                f"{count} cases with {reach} elements before the step",
                where="count, reach",
                expected="1 or more, and 0 or more",
            )
        batch = self.probe.draw(count, self.length, seed_for(seed, HELD_OUT, self.length))
        found = []
        for b, at in enumerate(batch.at.tolist()):
            cut, place = parts.stretch(int(batch.lengths[b]), at, reach, self.both_ways)
            inputs = np.array(batch.inputs[cut, b])
            found.append(Case(inputs, place, batch.targets[at, b].item(), source=b))
        return found

    def vectors(self, inputs: Tensor) -> Tensor:
        """The vectors of ids, or the features as they are."""
        device = self.like.device
        if inputs.dim() == 3:
            return inputs.to(self.like)
        found: Tensor = self.network.vectors(inputs.to(device).long())
        return found

    def said(self, x: Tensor, lengths: Tensor, at: Tensor, cases: Sequence[Case]) -> Tensor:
        """A score for each class, or the number that is asked, (B, 1)."""
        y, _ = self.reader(x, None, lengths=lengths.to(x.device))
        found: Tensor = self.network.output(parts.asked(y, at))
        return found

    def losses(self, said: Tensor, cases: Sequence[Case]) -> Tensor:
        """Nats, or squared errors, in float64."""
        targets = torch.tensor([case.target for case in cases], device=said.device)
        return losses(self.probe, said.double(), targets)

    def names(self, case: Case) -> list[str]:
        """The words; nothing for features."""
        words = self.probe.words
        return [words[i] if words else "" for i in case.inputs.tolist()]

    def neutral(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """What says least; of features the mean."""
        return np.array(self.probe.neutral) if inputs.ndim == 1 else inputs.mean(0)

    def untrained(self) -> ProbeModel | None:
        """The network with the weights that it began with; None where they are not known."""
        if self.first is None:
            return None
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.first)
        return replace(self, network=network.eval(), reader=network.reader)


def learn(
    probe: Probe,
    learning: Learning,
    architecture: Architecture | None = None,
    *,
    reader: Reading | None = None,
    start: ProbeModel | None = None,
    out: Path | None = None,
    resume: bool = False,
    report: Reporter = _QUIET,
) -> ProbeModel:
    """Train a network on a probe.

    architecture: of clew's own layers (an LSTM of 32 units where nothing is said). reader: instead,
    what makes of the width D a module (x (T, B, D), state, lengths=(B,)) -> (y (T, B, H), state).
    start: a model whose weights it begins with, such as one that learnt shorter sequences. out,
    resume, report: as clew.train.train takes them; the checkpoint is removed at the end.

    Raises InputError for settings that cannot be, a reader that is none, or what training raises.
    """
    _check_kinds(probe, learning, architecture, start)
    if reader is None:
        architecture = architecture or Architecture()
    elif architecture is not None:
        raise InputError("both an architecture and a reader", where="reader", expected="one")
    network = _built(probe, learning, reader or architecture.build)  # type: ignore[union-attr]
    if start is not None:
        _begin(network, start)
    first = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    told = {name: each for name, each in asdict(learning).items() if name not in ("time", "device")}
    settings = asdict(probe)  # type: ignore[call-overload]
    mark = {"probe": probe.name, **settings, "architecture": str(architecture), **told}
    if start is not None:
        mark["start"] = crc32(b"".join(_plain(tensor) for tensor in first.values()))
    problem = ProbeProblem(probe, network, learning)
    history = train(
        problem, learning.training(), out=out, resume=resume, fingerprint=mark, report=report
    )
    if out is not None:
        checkpoint.remove(out)
    return _model(
        probe, network, learning, architecture, history.to_dict(), first, start is not None
    )


def _plain(tensor: Tensor) -> bytes:
    return tensor.cpu().numpy().tobytes()


def _check_kinds(probe: object, learning: object, architecture: object, start: object) -> None:
    for name, value, right, expected in (
        ("probe", probe, hasattr(probe, "draw") and not isinstance(probe, type), "as Adding()"),
        ("learning", learning, isinstance(learning, Learning), "as Learning(20)"),
        ("architecture", architecture, isinstance(architecture, Architecture | None),
         'as Architecture("lstm", 32)'),
        ("start", start, isinstance(start, ProbeModel | None), "a ProbeModel"),
    ):  # fmt: skip
        if not right:
            raise InputError(f"{name} is {value!r}", where=name, expected=expected)


def _begin(network: ProbeNetwork, start: ProbeModel) -> None:
    try:
        network.load_state_dict(start.network.state_dict())
    except RuntimeError as error:
        raise InputError(
            "the weights to start with are another network's",
            where="start",
            expected="the same probe and the same sizes",
        ) from error


def _built(probe: Probe, learning: Learning, reader: Reading) -> ProbeNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(learning.seed)
        return ProbeNetwork(probe, reader)


def _model(
    probe: Probe,
    network: ProbeNetwork,
    learning: Learning,
    architecture: Architecture | None,
    history: Mapping[str, Any],
    first: Mapping[str, Tensor] | None,
    started: bool,
) -> ProbeModel:
    read = type(network.reader).__name__ if architecture is None else str(architecture)
    numbers = probe.answers is None
    return ProbeModel(
        title=f"{probe.name} probe, {read}",
        task="probe",
        element=("word", "words") if probe.name in ("agreement", "order") else parts.STEP,
        both_ways=bool(getattr(network.reader, "bidirectional", False)),
        network=network.eval(),
        reader=network.reader,
        loss_name="squared error" if numbers else "nats an answer",
        in_nats=not numbers,
        answers=probe.answers,
        probe=probe,
        learning=learning,
        architecture=architecture,
        length=learning.length if isinstance(learning.length, int) else learning.length[1],
        history=history,
        first=first,
        started=started,
    )
