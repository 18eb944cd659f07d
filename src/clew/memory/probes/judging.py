"""What a network's answers to a probe are worth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from clew.memory.probes.batch import Batch, Probe, Score
from clew.memory.probes.network import ProbeNetwork


def answered(probe: Probe, network: ProbeNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """Of each answer asked (N,): its loss, and whether it is right."""
    device = network.output.weight.device
    asked = torch.from_numpy(batch.asked).to(device)
    said = network(
        torch.from_numpy(batch.inputs).to(device),
        torch.from_numpy(batch.lengths).to(device),
        asked,
    )
    targets = torch.from_numpy(batch.targets).to(device)[asked]
    return losses(probe, said, targets), said.argmax(1) == targets


def losses(probe: Probe, said: Tensor, targets: Tensor) -> Tensor:
    """(N,) of answers (N, C): nats where a class is asked, squared error where a number is."""
    if probe.answers is None:
        return (said[:, 0] - targets.to(said)) ** 2
    return F.cross_entropy(said, targets.long(), reduction="none")


@torch.no_grad()
def judge(probe: Probe, network: ProbeNetwork, batches: Sequence[Batch]) -> Score:
    """Mean loss of all answers, and the share of right ones among those that count."""
    total = right = 0.0
    answers = scored = 0
    for batch in batches:
        loss, good = answered(probe, network, batch)
        total += float(loss.double().sum())
        answers += len(loss)
        counts = torch.from_numpy(batch.scored[batch.asked]).to(good.device)
        right += int(good[counts].sum())
        scored += int(counts.sum())
    accuracy = right / scored if probe.answers is not None and scored else None
    return Score(total / max(1, answers), accuracy)
