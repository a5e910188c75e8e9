"""Data sets read from the user's files."""
