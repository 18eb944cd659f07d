"""The parts of tag: inputs, encoder, network, training, spans, scores."""
