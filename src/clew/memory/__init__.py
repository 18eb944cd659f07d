"""The instruments: what a trained model remembers, and how we know."""
