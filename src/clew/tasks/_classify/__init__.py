"""The parts of classify: encoder, network, training, what it is measured against."""
