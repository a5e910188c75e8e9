"""What executes the runs of a study: this machine, or a Ray cluster."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from dlib_bvae.errors import UserError, unknown
from dlib_bvae.studies import local
from dlib_bvae.studies.attempts import Outcome
from dlib_bvae.studies.study import Study


class Executor(NamedTuple):
    """execute: as local.execute. default_workers: how many runs of a study it has room for at a time. gpus: that these share."""

    execute: Callable[..., dict[str, Outcome]]
    default_workers: Callable[[Study], int]
    gpus: Callable[[Study], int]


LOCAL = Executor(local.execute, local.default_workers, local.gpus_there)


def named(name: str, ray_address: str | None = None) -> Executor:
    """The executor "local", or "ray" on the cluster at `ray_address` (None: one is started on this machine).

    Raises UserError for another name, an address without Ray or where nothing listens, and where Ray is not installed.
    """
    if name == "local":
        if ray_address is not None:
            raise UserError("--ray_address is for --executor=ray; give that too, or leave the address out")
        return LOCAL
    if name != "ray":
        raise unknown("executor", name, ["local", "ray"])
    from dlib_bvae.studies import ray_cluster, ray_executor

    ray_cluster.imported()
    if ray_address is None:
        return Executor(ray_executor.execute, local.default_workers, local.gpus_there)
    if ray_address != "auto":
        ray_cluster.knock(ray_address)
    return Executor(
        functools.partial(ray_executor.execute, address=ray_address),
        functools.partial(ray_cluster.room, address=ray_address),
        functools.partial(ray_cluster.gpus_there, address=ray_address),
    )
