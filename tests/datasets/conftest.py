"""So that the tests in the folders below find writers.py."""
