"""Kernels: the one place that chooses how a recurrent layer is computed."""
