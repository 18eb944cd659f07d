"""Tunes in ABC as tokens to learn: a header, then the notation, in one key for all tunes.

Every tune is moved to the key of its mode without sharps and flats (C, Am, Ddor, Gmix), lengths are
written in eighths, and what key it was in stands in the header: so the same turn of phrase is the
same tokens in whatever key, and what is composed can be written in any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from clew.data._abc_change import transposed
from clew.data._abc_key import Key, parse_key, parse_metre
from clew.data._abc_lexer import NOTE
from clew.data.abc import Kind, Token, Tune, bars, tune_of
from clew.errors import InputError
from clew.tasks._compose.store import Written
from clew.tasks._compose.vocabulary import Vocabulary

UNIT = Fraction(1, 8)
METRE, KEY, BARS = "M:", "K:", "bars:"
_HOMES = {"": "C", "m": "Am", "mix": "Gmix", "dor": "Ddor", "phr": "Ephr", "loc": "Bloc",
          "lyd": "Flyd"}  # fmt: skip
_ORNAMENT = re.compile(r"[()~.HJLMOPRSTuv]|!.*!")
_HIGHEST = 2  # semitones that a tune is moved up at most; others go down


def written(tune: Tune, common: bool = True) -> Written:
    """The tokens of a tune, its header before them, and the length of its text in its own key."""
    head = [METRE + tune.metre_text, KEY + tune.key, BARS + str(length(tune))]
    text = [f"M:{tune.metre_text}\n", f"K:{tune.key}\n", *plain(tune.music)]
    characters = sum(map(len, text))
    return Written([*head, *body(tune, shift(tune.key) if common else 0)], characters)


def body(tune: Tune, up: int) -> list[str]:
    """The tokens of the notation, moved by so many semitones, without slurs and decorations."""
    return plain(tune.transposed(up).in_unit(UNIT).music)


def plain(music: Iterable[str]) -> list[str]:
    """Tokens without slurs and decorations."""
    return [text for text in music if not _ORNAMENT.fullmatch(text)]


def length(tune: Tune) -> int:
    """The number of bars as they are written; a pickup and the bar that it completes are one."""
    parts = [bar.length / bar.due for bar in bars(tune) if bar.due]
    return max(1, round(sum(parts, Fraction(0))))


def shift(key: str) -> int:
    """Semitones from a key to that of its mode without sharps and flats."""
    found = _key(key)
    if not _plain(found):
        return 0  # left as it is
    up = -7 * found.sharps % 12
    return up if up <= _HIGHEST else up - 12


def _plain(key: Key) -> bool:
    """Whether it is a tonic and a mode, without signs of its own."""
    return key.tonic is not None and " " not in key.name and key.name[:1] != "H"


def _key(name: str) -> Key:
    found = parse_key(name)
    if isinstance(found, str):
        raise InputError(found, where="key", expected="a key such as G, Em or Ador")
    return found


@dataclass(frozen=True)
class Frame:
    """What a tune is written in: its metre, its key, and the key by which it is foretold.

    common: its tokens are in the key without sharps and flats. A tune in a key that was not learned
    lies as high as one in the key `like`, or as near to it as can be.
    """

    metre: str
    key: str
    like: str
    common: bool = True

    @property
    def shift(self) -> int:
        """Semitones from its key to that of the tokens."""
        if not self.common:
            return 0
        up = (shift(self.like) - shift(self.key)) % 12  # from the key that it is like to its own
        return shift(self.like) - (up if up < 6 else up - 12)

    @property
    def home(self) -> str:
        """The key that the tokens are in."""
        found = _key(self.key)
        return _HOMES[found.mode] if self.common and _plain(found) else self.key

    def head(self) -> list[str]:
        """The tokens of the header, without the number of bars."""
        return [METRE + self.metre, KEY + self.like]

    def tune(self, tokens: Sequence[str], title: str = "", number: int = 1) -> Tune:
        """The tune that tokens are, in its own key."""
        found = tune_of(
            tokens, metre=self.metre, unit=UNIT, key=self.home, title=title, number=number
        )
        return found.transposed(-self.shift)

    def spelling(self) -> Callable[[str], str]:
        """What spells one token after the other in the tune's own key."""
        key, up = _key(self.home), -self.shift

        def spelt(token: str) -> str:
            if not up:
                return token
            kind: Kind = "note" if NOTE.fullmatch(token) else "symbol"
            kind = kind if kind == "note" or token[0] == '"' else "bar"
            return transposed([Token(kind, token)], key, up, "tune")[1][0].text

        return spelt


def frame(vocabulary: Vocabulary, metre: str | None, key: str | None, common: bool = True) -> Frame:
    """What to compose in, where nothing is said the most frequent of what was learned from.

    A key of a mode that was learned, on another tonic, is written like the nearest one. Raises
    InputError for a metre or a mode that was not learned, naming those that were.
    """
    metres = [text for text in vocabulary.headed("M") if text != "none"]
    keys = vocabulary.headed("K")
    if not metres or not keys:
        raise InputError("no tune learned from has a metre and a key", where="metre")
    chosen = metres[0]
    if metre is not None:
        found = parse_metre(str(metre))
        if isinstance(found, str):
            raise InputError(found, where="metre", expected=", ".join(metres))
        chosen = found.text
    if chosen not in metres:
        raise InputError(
            f"no tune in {chosen} was learned from", where="metre", expected=", ".join(metres)
        )
    if key is None:
        return Frame(chosen, keys[0], keys[0], common)
    wanted = _key(str(key))
    if wanted.name in keys:
        return Frame(chosen, wanted.name, wanted.name, common)
    like = [other for other in map(_key, keys) if other.mode == wanted.mode and _plain(other)]
    if not (common and like and _plain(wanted)):
        raise InputError(
            f"no tune in {wanted.name}, or in its mode, was learned from",
            where="key",
            expected=", ".join(keys),
        )
    away = [(shift(wanted.name) - shift(other.name)) % 12 for other in like]
    near = min(range(len(like)), key=lambda n: min(away[n], 12 - away[n]))
    return Frame(chosen, wanted.name, like[near].name, common)
