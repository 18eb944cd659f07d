"""The feedforward network over a fixed window sees the ends, and nothing else."""

import pytest
import torch

from clew.tasks._classify.fixed import ENDS, FixedWindow


@pytest.mark.parametrize("vocabulary", [None, 9])
def test_it_sees_the_ends_and_never_the_middle_or_the_padding(vocabulary):
    torch.manual_seed(0)
    network = FixedWindow(vocabulary, 3, 5, 2, 0.0)
    T, lengths = 2 * ENDS + 6, torch.tensor([2 * ENDS + 6, 3, 0])
    shape = (T, 3) if vocabulary else (T, 3, 3)
    x = torch.randint(2, 9, shape) if vocabulary else torch.randn(shape)
    before = network(x, lengths)

    def changed(step, sequence):
        other = x.clone()
        other[step, sequence] = other[step, sequence] % 7 + 1
        return not torch.equal(network(other, lengths)[sequence], before[sequence])

    assert all(changed(step, 0) for step in [*range(ENDS), *range(T - ENDS, T)])
    assert not any(changed(step, 0) for step in range(ENDS, T - ENDS))
    assert all(changed(step, 1) for step in range(3))
    assert not any(changed(step, 1) for step in range(3, T))
    assert not any(changed(step, 2) for step in range(T))


def test_the_first_and_the_last_step_have_places_of_their_own():
    torch.manual_seed(0)
    network = FixedWindow(None, 1, 4, 2, 0.0)
    seen = []
    network.layers[1].register_forward_hook(lambda _, given, __: seen.append(given[0]))
    x = torch.arange(1.0, 21.0)[:, None, None]
    network(x, torch.tensor([20]))
    network(x[:3], torch.tensor([3]))
    assert seen[0][0].tolist() == [*range(1, 9), *range(13, 21)]
    assert seen[1][0].tolist() == [1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]
