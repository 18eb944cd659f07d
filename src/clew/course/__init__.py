"""The course: lessons in files, and what reads, checks and runs them; needs no torch itself."""
