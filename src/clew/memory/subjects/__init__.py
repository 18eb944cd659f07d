"""Each task's models as subjects of the instruments, and any torch module."""
