"""Draw docs/pictures/tag.png: what a tagger of English hears in words that nobody has written.

Run: python docs/make_tag_picture.py MODEL [--out FILE]

MODEL is a folder that `clew fit tag` wrote from en_ewt-ud-train.conllu.gz (UD English-EWT).
"""

import argparse
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import clew

SENTENCES = (
    "The frabjous gribbles were quickly snorfing the mimsy daxes .",
    "We gribbled the snorf frabjously , and Daxville was mimsified .",
)
HERE = Path(__file__).resolve().parent / "pictures/tag.png"


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", metavar="MODEL", type=Path)
    parser.add_argument("--out", metavar="FILE", type=Path, default=HERE)
    asked = parser.parse_args()
    model = clew.load(asked.model)
    rows = model.predict_proba(list(SENTENCES))
    names = list(model.tags_)
    shown = [k for k in range(len(names)) if max(row[:, k].max() for row in rows) > 0.05]
    picture = Figure(figsize=(7.6, 6.4), layout="constrained")
    FigureCanvasAgg(picture)
    for axes, text, row in zip(picture.subplots(len(SENTENCES), 1), SENTENCES, rows, strict=True):
        words = text.split()
        axes.imshow(row[:, shown].T, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(words)), words, rotation=30, ha="right")
        axes.set_yticks(range(len(shown)), [names[k] for k in shown])
        for t, column in enumerate(row[:, shown]):
            for k, share in enumerate(column):
                if share >= 0.05:
                    colour = "white" if share > 0.5 else "black"
                    label = f"{100 * share:.0f}"
                    axes.text(t, k, label, ha="center", va="center", fontsize=8, color=colour)
        axes.tick_params(length=0)
    picture.suptitle("probability of each tag, in percent")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(asked.out, dpi=110)
    print(f"written: {asked.out}")


if __name__ == "__main__":
    main()
