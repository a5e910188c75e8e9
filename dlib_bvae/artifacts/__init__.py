"""What a result is: its identity, its life, the files that a stage writes, where they were made, one process a run directory."""

from dlib_bvae.artifacts.environment import describe, device, peak_memory_mib
from dlib_bvae.artifacts.identity import Identity
from dlib_bvae.artifacts.lifecycle import Stage, Work, finished, open_run, standing
from dlib_bvae.artifacts.lock import InUse, read_lock, run_lock
from dlib_bvae.artifacts.record import (
    config_dict,
    is_done,
    read_config,
    read_identity,
    read_results,
    write_atomic,
    write_stage,
)

__all__ = [
    "Identity",
    "InUse",
    "Stage",
    "Work",
    "config_dict",
    "describe",
    "device",
    "finished",
    "is_done",
    "open_run",
    "peak_memory_mib",
    "read_config",
    "read_identity",
    "read_lock",
    "read_results",
    "run_lock",
    "standing",
    "write_atomic",
    "write_stage",
]
