"""Train, run and explain recurrent networks: the public names, each imported when first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew import nn as nn
    from clew.errors import InputError as InputError
    from clew.tasks import load as load
    from clew.tasks.classify import Classifier as Classifier
    from clew.tasks.compose import Composer as Composer
    from clew.tasks.forecast import Forecaster as Forecaster
    from clew.tasks.language import LanguageModel as LanguageModel
    from clew.tasks.tag import Tagger as Tagger
    from clew.tasks.transcribe import Transcriber as Transcriber
    from clew.tasks.translate import Translator as Translator

__version__ = "0.1.0"

# Where each public name lives. `import clew` alone imports none of them, so that
# `clew --help` and `clew.__version__` answer without waiting for torch.
_HOME = {
    "Classifier": "clew.tasks.classify",
    "Composer": "clew.tasks.compose",
    "Forecaster": "clew.tasks.forecast",
    "InputError": "clew.errors",
    "LanguageModel": "clew.tasks.language",
    "Tagger": "clew.tasks.tag",
    "Transcriber": "clew.tasks.transcribe",
    "Translator": "clew.tasks.translate",
    "load": "clew.tasks",
}

__all__ = [
    "Classifier",
    "Composer",
    "Forecaster",
    "InputError",
    "LanguageModel",
    "Tagger",
    "Transcriber",
    "Translator",
    "__version__",
    "load",
    "nn",
]


def __getattr__(name: str) -> Any:
    if name == "nn":
        return import_module("clew.nn")
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'clew' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
