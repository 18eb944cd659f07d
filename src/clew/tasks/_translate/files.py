"""From files of pairs to encoded ones: read as a stream and kept on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from clew.data import _pairs_store as stored
from clew.data._pairs_store import PairStore
from clew.data.pairs import LeftOut, PairFiles
from clew.data.text import Tokenizer
from clew.errors import InputError
from clew.tasks._translate.data import Cutting, Prepared
from clew.tasks._translate.limits import check_conversations, tell_left_out
from clew.tasks._translate.problem import Rows
from clew.tasks._translate.sides import Side, Sides
from clew.train import on_main

Tell = Callable[[str], None]


def prepare_files(
    files: PairFiles, validation: PairFiles | None, cutting: Cutting, share: float, seed: int,
    work: Path, tell: Tell,
) -> Prepared:  # fmt: skip
    """Hold out pairs, learn the pieces of an even sample of the others, and encode all of them.

    Everything is kept in the folder `work`, where an interrupted fit of the same files finds it
    whole. Pairs of equal sources, or of one conversation, are on one side. Raises InputError as the
    readers do, and where nothing is left to learn from.
    """
    given = [files.signature, None if validation is None else validation.signature]
    mark = json.dumps([given, vars(cutting), share, seed], default=str)

    def on_disk() -> None:
        if _earlier(work, mark) is None:
            _encode(files, validation, cutting, share, seed, work, mark)

    on_main(on_disk)
    found = _earlier(work, mark)
    assert found is not None
    sides, store, other = found
    for part, read in ((store, files), (other, validation)):
        if part is not None and read is not None and part.facts["left_out"]:
            place = read.place(part.facts["first_left_out"])
            tell(
                f"{part.facts['left_out']:,} pairs have an empty side and are left out, the first "
                f"at {place}"
            )
    aside = store.aside
    inside = ~aside
    if aside.all():
        tell("nothing can be held out: scores are of the training pairs")
        inside = aside
    apart, judged = (store, aside) if other is None else (other, other.aside)
    ends = (sides.source.end, sides.target.end)
    parts = []
    for part, chosen, read, words in (
        (store, inside, files, "to learn from"),
        (apart, judged, files if other is None else validation, "held out"),
    ):
        fit = chosen & (part.lengths <= cutting.longest).all(1)
        kind = np.int32 if len(fit) < 1 << 31 else np.int64  # of many pairs half the memory
        places = np.flatnonzero(fit).astype(kind)
        parts.append(Rows(part, places, ends, cutting.longest, part.first))
        tell_left_out(
            np.flatnonzero(chosen & ~fit), int(chosen.sum()), _placed(part, read), words,
            cutting.longest, tell,
        )  # fmt: skip
    train, held_out = parts
    return Prepared(
        sides, train, held_out, lambda n: apart.texts(int(held_out.places[n])),
        _fingerprint(store, other),
    )  # fmt: skip


def _placed(store: PairStore, files: PairFiles | None) -> Callable[[int], str]:
    assert files is not None
    return lambda n: files.place(int(store.numbers[n]))


def _fingerprint(*stores: PairStore | None) -> str:
    parts = [store.facts["fingerprint"] for store in stores if store is not None]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _encode(
    files: PairFiles, validation: PairFiles | None, cutting: Cutting, share: float, seed: int,
    work: Path, mark: str,
) -> None:  # fmt: skip
    shutil.rmtree(work, ignore_errors=True)
    left_out = LeftOut()
    first = stored.survey(
        lambda observe: files.rows(left_out, observe), share if validation is None else 0.0, seed
    )
    check_conversations(first.conversations, cutting.shared)
    if not first.sources:
        raise InputError("there are no pairs to learn from", where=str(files.paths[0]))
    sides = Sides.learn(
        first.sources, first.targets, unit=cutting.unit, size=cutting.size,
        min_count=cutting.min_count, lowercase=cutting.lowercase, shared=cutting.shared,
    )  # fmt: skip
    bound = -1 if validation is None and not first.bound else first.bound
    _write(files, sides, work / "pairs", bound, seed, first.fingerprint, left_out)
    if validation is not None:
        empty, digest = LeftOut(), hashlib.sha256()
        for _ in validation.rows(empty, digest.update):
            pass
        _write(validation, sides, work / "validation", -1, seed, digest.hexdigest(), empty)
    for name, side in (("source", sides.source), ("target", sides.target)):
        (work / f"{name}.json").write_text(side.tokenizer.to_json(), encoding="utf-8")
    (work / "source-files.json").write_text(mark, encoding="utf-8")


def _write(
    files: PairFiles, sides: Sides, folder: Path, bound: int, seed: int, fingerprint: str,
    left_out: LeftOut,
) -> None:  # fmt: skip
    stored.write(
        folder, files.rows(LeftOut()), (sides.source.encode, sides.target.encode),
        sizes=(sides.source.size, sides.target.size), bound=bound, seed=seed,
        facts={"fingerprint": fingerprint, "left_out": left_out.count,
               "first_left_out": left_out.first},
    )  # fmt: skip


def _earlier(work: Path, mark: str) -> tuple[Sides, PairStore, PairStore | None] | None:
    """What lies whole in `work` of the same files, if anything."""
    try:
        if (work / "source-files.json").read_text(encoding="utf-8") != mark:
            return None
        texts = [(work / f"{name}.json").read_text("utf-8") for name in ("source", "target")]
        sides = [Side("text", Tokenizer.from_json(text)) for text in texts]
        shared = json.loads(mark)[1]["shared"]
        store = PairStore.open(work / "pairs")
        there = (work / "validation").exists()
        other = PairStore.open(work / "validation") if there else None
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not whole: made anew
        return None
    return Sides(sides[0], sides[0] if shared else sides[1]), store, other
