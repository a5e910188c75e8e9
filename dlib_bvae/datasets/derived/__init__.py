"""Data sets made out of another: other training weights, fewer images, other pixels."""
