"""Stages: (configuration, run directory) → results; done once, resumable, one process a run directory."""
