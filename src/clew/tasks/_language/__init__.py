"""The parts of language: corpora, network, training, writing, scoring, rivals."""
