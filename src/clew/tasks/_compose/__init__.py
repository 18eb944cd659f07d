"""The parts of compose: tokens, networks, training, writing, scores, and what became of a tune."""
