"""The parts of transcribe: sounds, units, network, training, decoding, live."""
