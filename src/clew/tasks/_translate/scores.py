"""How close translations are to references: BLEU and chrF of a corpus, ROUGE-L of summaries."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from clew.errors import InputError, need

EXTRA = "translate"


def bleu(found: Sequence[Any], references: Sequence[Any]) -> float:
    """Corpus BLEU (Papineni et al. 2002), 0 to 100, one reference each, as sacrebleu has it.

    Texts are cut as mteval-13a does; lists of tokens are taken as they are. Where no answer has
    four words, the n-grams that there are count: "deux rouge !" is worth 100 where it is right.
    """
    cut = "none" if _listed(references) else "13a"
    score = need("sacrebleu", EXTRA).corpus_bleu(
        _texts(found), [_texts(references)], tokenize=cut, force=True, use_effective_order=True
    )
    return float(score.score)


def chrf(found: Sequence[Any], references: Sequence[Any]) -> float:
    """Corpus chrF (Popović 2015), 0 to 100: F2 of n-grams of 1 to 6 letters, as in sacrebleu."""
    score = need("sacrebleu", EXTRA).corpus_chrf(_texts(found), [_texts(references)])
    return float(score.score)


def rouge(found: Sequence[Any], references: Sequence[Any]) -> float:
    """The mean ROUGE-L F1 (Lin 2004), 0 to 100: the longest common subsequence of words.

    Words of any script are compared in lowercase; of ASCII the figures are rouge_score's own.
    """
    scorer = need("rouge_score.rouge_scorer", EXTRA).RougeScorer(["rougeL"], tokenizer=_Words())
    pairs = zip(_texts(references), _texts(found), strict=True)
    every = [scorer.score(reference, text)["rougeL"].fmeasure for reference, text in pairs]
    return 100 * float(sum(every)) / len(every)


METRICS: dict[str, Callable[[Sequence[Any], Sequence[Any]], float]] = {
    "bleu": bleu,
    "chrf": chrf,
    "rouge": rouge,
}


def chosen(metric: str) -> Callable[[Sequence[Any], Sequence[Any]], float]:
    """The metric called so; raises InputError where there is none."""
    if metric not in METRICS:
        raise InputError(f"metric is {metric!r}", where="metric", expected=", ".join(METRICS))
    return METRICS[metric]


class _Words:
    """Cuts text for rouge_score, whose own words are ASCII only."""

    def tokenize(self, text: str) -> list[str]:
        """Words in lowercase."""
        return re.findall(r"[^\W_]+", text.lower())


def _listed(items: Sequence[Any]) -> bool:
    return bool(items) and not isinstance(items[0], str)


def _texts(items: Sequence[Any]) -> list[str]:
    return [item if isinstance(item, str) else " ".join(item) for item in items]
