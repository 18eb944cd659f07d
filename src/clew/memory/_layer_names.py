"""What layers are called: "layer 2 backwards", where PyTorch says stack.layers.1.l0_reverse."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MEMBER = re.compile(r"members\.(\d+)\.(.+)")
_LAYER = re.compile(r"(?:(.+?)\.)?(?:layers\.(\d+)(?:\.l0)?|l(\d+))(_reverse)?")
_STACKS = ("stack", "reader")  # whose layers are those of the model
_KNOWN = {
    "weight": "output",
    "bias": "output's bias",
    "out": "output",
    "source": "embedding of the source",
    "target": "embedding of the target",
    "speller.embedding": "embedding of letters",
    "speller.memory": "letters",
}


def layer_names(paths: Sequence[str]) -> list[str]:
    """A name for each of the modules at these paths of a network, as reports call its layers.

    Paths that are not known, or would be called alike, stay as they are.
    """
    members = {match[1] for path in paths if (match := _MEMBER.fullmatch(path))}
    names = [_name(path, len(members) > 1) for path in paths]
    return [
        name if names.count(name) == 1 else path for name, path in zip(names, paths, strict=True)
    ]


def _name(path: str, several: bool) -> str:
    if match := _MEMBER.fullmatch(path):
        name = _name(match[2], several)
        return f"{name} of member {int(match[1]) + 1}" if several else name
    if not (match := _LAYER.fullmatch(path)):
        return _KNOWN.get(path, path)
    owner = "" if match[1] in (None, *_STACKS) else f"{_KNOWN.get(match[1], match[1])} "
    number = int(match[2] or match[3] or 0) + 1
    return f"{owner}layer {number}{' backwards' if match[4] else ''}"
