"""A translator as a subject, beside what its network says of whole pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from asking import FAR, check, losses, slopes
from translators import TINY, pairs

from clew.data.batches import pad
from clew.errors import InputError
from clew.memory.opening import opened
from clew.tasks.translate import Translator

X, Y = pairs(24)
NEW = pairs(8, seed=1)


def nats(model, X, y):
    """-ln P of each piece of each target, its end included, one pair at a time."""
    network, sides = model.network_.eval(), model._sides
    found = []
    for source, target in zip(sides.source.encode(X), sides.target.encode(y), strict=True):
        x, n = pad([np.append(source, sides.source.end)])
        t = torch.from_numpy(np.append(target, sides.target.end).astype(np.int64))[:, None]
        with torch.no_grad():
            features, _ = network(t.roll(1, 0), network.encode(x, n))
            chances = network.logits(features).log_softmax(-1)
        found.append(-chances.gather(2, t[..., None])[:, 0, 0].numpy())
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attention": "additive", "input_feeding": True, "cell": "gru", "num_layers": 2},
        {"attention": None, "bidirectional": False, "tie": False},
        {"attention": "dot", "shared": True},
    ],
    ids=str,
)
def test_says_with_everything_what_the_model_says(changes):
    model = Translator(**{**TINY, "epochs": 1}, **changes).fit(X, Y)
    truth = nats(model, *NEW)
    subject = opened(model, NEW)
    cases = subject.cases(FAR, FAR)
    np.testing.assert_allclose(losses(subject, cases), np.concatenate(truth), rtol=1e-4)
    with torch.no_grad():  # attention takes a shorter way where nothing is learned
        np.testing.assert_allclose(losses(subject, cases), np.concatenate(truth), rtol=1e-4)
    check(subject, reach=2)
    source = opened(model, NEW, side="source")
    cases = source.cases(FAR, FAR)
    assert [case.source for case in cases] == list(range(8))
    np.testing.assert_allclose(losses(source, cases), [each.mean() for each in truth], rtol=1e-4)
    check(source, reach=2)
    assert source.both_ways == model.bidirectional
    assert "".join(source.names(cases[0])).strip() == f"{NEW[0][0]}<end>"
    assert "".join(source.beside(cases[0])).strip() == f"{NEW[1][0]}<end>"
    last = [case for case in subject.cases(FAR, FAR) if case.source == 0][-1]
    assert subject.beside(last) == source.names(cases[0])
    assert subject.names(last) == ["<end>", *source.beside(cases[0])[:-1]]
    for each in (subject, source):
        slopes(each, each.cases(3, 3))


def test_before_it_learned(tmp_path):
    begun = Translator(**{**TINY, "learning_rate": 1e-30, "weight_decay": 0.0}).fit(X, Y)
    for side in ("target", "source"):
        first = opened(begun, (X, Y), side=side).untrained()
        for name, tensor in begun.network_.named_parameters():
            if name != "bias":  # begins with how often pieces occur in what was learned from
                torch.testing.assert_close(first.network.get_parameter(name), tensor)
    assert first.reader is first.network.encoder


def test_files_and_columns(tmp_path):
    model = Translator(**{**TINY, "epochs": 1}).fit(X, Y)
    rows = "".join(f"{a}\t{b}\n" for a, b in zip(Y, X, strict=True))
    (tmp_path / "pairs.tsv").write_text(rows)
    subject = opened(model, tmp_path / "pairs.tsv", columns={"source": 2, "target": 1})
    assert len(subject.cases(FAR, FAR)) == len(opened(model, (X, Y)).cases(FAR, FAR))


def test_refuses():
    model = Translator(**{**TINY, "epochs": 1}).fit(X, Y)
    with pytest.raises(InputError, match="side is 'both'"):
        opened(model, (X, Y), side="both")
    with pytest.raises(InputError, match="no targets"):
        opened(model, X)
    with pytest.raises(InputError, match="8 sources and 1 targets"):
        opened(model, (NEW[0], ["x"]))
    with pytest.raises(InputError, match="there is no pair"):
        opened(model, ([], []))
