"""What a result is: the files that a stage writes, where they were made, one process a run directory."""

from dlib_bvae.artifacts.environment import describe, device, peak_memory_mib
from dlib_bvae.artifacts.lock import InUse, read_lock, run_lock
from dlib_bvae.artifacts.record import config_dict, is_done, read_config, read_results, write_atomic, write_stage

__all__ = [
    "InUse",
    "config_dict",
    "describe",
    "device",
    "is_done",
    "peak_memory_mib",
    "read_config",
    "read_lock",
    "read_results",
    "run_lock",
    "write_atomic",
    "write_stage",
]
