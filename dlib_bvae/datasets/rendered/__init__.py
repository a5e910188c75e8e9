"""Data sets drawn by this package on the official factor grids."""
