"""Models: artefacts that are plain JSON with a hash, checked before use, and the kernels that score with them."""
