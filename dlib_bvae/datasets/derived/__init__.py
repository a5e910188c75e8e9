"""Data sets derived from another: other training weights, fewer images, other pixels."""
