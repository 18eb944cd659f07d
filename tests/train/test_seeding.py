"""Each step draws its own numbers, and the user's generators never notice."""

import torch

from clew.train.seeding import generators_kept, seed_device, seed_for

CPU = torch.device("cpu")


def test_no_two_steps_or_ranks_share_a_seed():
    seeds = {
        seed_for(seed, step, rank)
        for seed in range(8)
        for step in range(500)
        for rank in (-1, 0, 1)
    }
    assert len(seeds) == 8 * 500 * 3
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_a_known_value_of_splitmix64():
    # The generator's first output from state 0, as published with it.
    assert seed_for(0) == 0xE220A8397B1DCDAF


def test_seeding_is_torchs_and_is_undone():
    before = torch.get_rng_state()
    with generators_kept(CPU):
        seed_device(CPU, 1234)
        drawn = torch.rand(5)
        torch.manual_seed(1234)
        assert torch.equal(torch.rand(5), drawn)
    assert torch.equal(torch.get_rng_state(), before)
