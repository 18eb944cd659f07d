"""The parts of forecast: tables, scaling, network, likelihoods, training, decoding, baselines."""
