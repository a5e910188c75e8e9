"""Results: what a stage writes, where it was made, one process a run directory; `aggregate`: tables of many runs."""

from dlib_bvae.results import aggregate
from dlib_bvae.results.environment import describe, device, peak_memory_mib
from dlib_bvae.results.record import config_dict, is_done, read_config, read_results, write_atomic, write_stage
from dlib_bvae.results.runlock import InUse, run_lock

__all__ = [
    "InUse",
    "aggregate",
    "config_dict",
    "describe",
    "device",
    "is_done",
    "peak_memory_mib",
    "read_config",
    "read_results",
    "run_lock",
    "write_atomic",
    "write_stage",
]
