"""Proof by breaking: faults from a seed, planted bugs, and what must hold of a run whatever died in it."""
