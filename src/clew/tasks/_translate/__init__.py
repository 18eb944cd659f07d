"""The parts of translate: pairs, network, training, decoding, alignment, scores."""
