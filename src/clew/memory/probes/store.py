"""A model of a probe on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from clew.errors import InputError
from clew.memory.probes.adding import Adding
from clew.memory.probes.batch import Probe
from clew.memory.probes.brackets import Dyck
from clew.memory.probes.network import Architecture, ProbeNetwork
from clew.memory.probes.problem import Learning
from clew.memory.probes.sentences import Agreement, OrderSensitivity
from clew.memory.probes.symbols import AssociativeRecall, CopyMemory, DelayedRecall, Parity
from clew.tasks._folder import Contents, read_model, write_model

KINDS: tuple[type[Any], ...] = (
    Adding, CopyMemory, DelayedRecall, AssociativeRecall, Parity, Dyck, Agreement, OrderSensitivity
)  # fmt: skip
PROBES: dict[str, type[Any]] = {kind.name: kind for kind in KINDS}


def probe(name: str, settings: Mapping[str, Any] | None = None) -> Probe:
    """The probe of that name. Raises InputError for a name or a setting that there is not."""
    if name not in PROBES:
        raise InputError(f"there is no probe {name!r}", where="probe", expected=", ".join(PROBES))
    return _made(PROBES[name], settings or {})  # type: ignore[no-any-return]


def write(
    folder: str | Path,
    network: ProbeNetwork,
    probe: Probe,
    architecture: Architecture,
    learning: Learning,
    history: Mapping[str, Any],
    score: Mapping[str, Any],
    started: bool,
) -> None:
    """Write a model folder; see clew.tasks._folder. started: from the weights of another model."""
    write_model(
        folder,
        task="probe",
        parameters={
            "probe": probe.name,
            "settings": asdict(probe),  # type: ignore[call-overload]
            "architecture": asdict(architecture),
            "learning": asdict(learning),
            "started": started,
        },
        network={},
        tensors=network.state_dict(),
        tokenizer=None,
        metrics={"score": dict(score), "history": dict(history)},
        card=f"# Probe: {probe.name}\n\nTo {probe.title}; {architecture}.\n",
        data={},
    )


def read(
    folder: str | Path,
) -> tuple[ProbeNetwork, Probe, Architecture, Learning, dict[str, Any], bool]:
    """Read it back, every claim checked. Raises InputError."""
    contents = read_model(folder)
    if contents.task != "probe":
        raise contents.bad(f"this is a model of the task {contents.task!r}", expected="a probe's")
    try:
        given = contents.parameters
        asked = probe(given["probe"], given["settings"])
        architecture = _made(Architecture, given["architecture"])
        taught = dict(given["learning"])
        if isinstance(taught["length"], list):  # as JSON has a pair
            taught["length"] = tuple(taught["length"])
        learning = _made(Learning, taught)
    except InputError as error:
        raise contents.bad(f"the settings are not possible: {error.what}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise contents.bad(f"a setting is missing, or of a wrong kind ({error})") from error
    _check(contents, architecture, asked)
    network = contents.load(lambda: ProbeNetwork(asked, architecture.build))
    history = contents.metrics.get("history")
    if not isinstance(history, dict):
        raise contents.bad("there is no history", name="metrics.json")
    return network, asked, architecture, learning, history, bool(given.get("started", False))


def _made(kind: type[Any], settings: Mapping[str, Any]) -> Any:
    if not isinstance(settings, Mapping):
        raise InputError(
            f"settings of a wrong kind: {settings!r}", where="settings", expected="a value by name"
        )
    known = {each.name for each in fields(kind)}
    if unknown := sorted(set(settings) - known):
        raise InputError(
            f"{kind.__name__} has no setting {unknown[0]!r}",
            where="settings",
            expected=", ".join(sorted(known)) or "none",
        )
    return kind(**settings)


def _check(contents: Contents, architecture: Architecture, asked: Probe) -> None:
    contents.check_plausible(architecture, ("hidden_size",), ("num_layers",))
    sizes = {"words": len(asked.words or ()), "answers": len(asked.answers or ())}
    most = sum(entry.shape[0] for entry in contents.entries.values() if entry.shape)
    for name, size in sizes.items():
        if size > most:
            raise contents.bad(f"{size} {name}, more than model.safetensors could hold")
