"""Data sets rendered by this package on the official factor grids."""
