"""A Ray cluster: joined, or started on this machine for one sweep; what its nodes have room for."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import IO, Any

from dlib_bvae.errors import UserError, pluralize
from dlib_bvae.studies import local
from dlib_bvae.studies.local import LEAST_SHARE
from dlib_bvae.studies.study import AUTO, Study

_STORE = 2**27  # bytes of shared memory: results go by files, so Ray has next to nothing to carry
_PATIENCE = 10.0  # seconds for the head node to answer
_LISTENER = "ray_listen_error_messages"  # Ray's thread that prints what raylets say


def imported() -> ModuleType:
    """The module ray; UserError when it is not installed."""
    try:
        with _settings():
            import ray
    except ImportError as error:
        raise UserError(
            "--executor=ray needs Ray, which is not installed; pip install 'dlib_bvae[ray]', or use --executor=local"
        ) from error
    return ray


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """In the block the environment says to Ray what the user has not: no usage statistics, and 0 GPUs are no GPUs."""
    wanted = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def cluster(study: Study, workers: int, address: str | None) -> Iterator[ModuleType]:
    """Gives the module ray, connected to the cluster at `address`, or to one of this machine that ends with the block.

    workers: of a cluster that is started: so many runs of `study` fit in at once. Raises UserError when there is no Ray, no
    cluster at `address`, or when a cluster that was started has no room for one run.
    """
    if study.gpus != AUTO and float(study.gpus) > 1 and not float(study.gpus).is_integer():
        raise UserError(f"study.gpus is {study.gpus:g}; Ray gives a run a part of one GPU, or whole ones")
    ray = imported()
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        cpus = workers * study.cpus
        if local.gpus_there(study):  # so that scoring takes no core from training where there are more
            cpus = max(cpus, local.cores())
        options |= {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": _STORE}
    with _settings(), contextlib.redirect_stdout(_WithoutRaylets(sys.stdout)):
        _connect(ray, address, options)
        try:
            _check_room(ray, study, workers, started=address is None)
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: ModuleType, address: str | None, options: dict[str, Any]) -> None:
    if address not in (None, "auto"):
        knock(str(address))
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address or "local", **options)
    except (OSError, RuntimeError) as error:
        if address is None:
            raise
        raise _no_answer(address, error) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # ray.init takes it for itself


def knock(address: str) -> None:
    """Raises UserError when `address` is none, or when nothing listens there, which Ray takes minutes to say."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--ray_address must be HOST:PORT, such as 10.0.0.1:6379, or auto; got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise _no_answer(address, error) from error


def _no_answer(address: str, error: Exception) -> UserError:
    return UserError(
        f"no Ray cluster answers at {address} ({str(error).splitlines()[0]}); start one by 'ray start --head' and give its "
        "HOST:PORT as --ray_address, or auto for the one that this machine is part of"
    )


def room(study: Study, address: str) -> int:
    """How many runs of `study` the cluster at `address` has room for at a time; at least 1. Raises UserError as cluster."""
    with cluster(study, 1, address) as ray:
        nodes = nodes_of(ray)
        # "auto": as many as there are cores for, which makes it the smallest share
        gpus = gpus_of_a_run(study, int(sum(node.get("CPU", 0) for node in nodes)), nodes)
        return max(1, sum(_fit(study, node, gpus) for node in nodes))


def nodes_of(ray: ModuleType) -> list[dict[str, float]]:
    """What each node that is alive has: "CPU", "GPU", …"""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _fit(study: Study, node: Mapping[str, float], gpus: float) -> int:
    """How many runs a node has room for, each with study.cpus and `gpus`."""
    fit = int(node.get("CPU", 0) // study.cpus)
    return min(fit, int(node.get("GPU", 0) / gpus + 1e-9)) if gpus else fit


def _check_room(ray: ModuleType, study: Study, workers: int, started: bool) -> None:
    """Raises UserError where no node can ever do a run; says so where one may still join."""
    nodes = nodes_of(ray)
    gpus = gpus_of_a_run(study, workers, nodes)
    if any(_fit(study, node, gpus) for node in nodes):
        return
    wanted = f"{pluralize(study.cpus, 'CPU')} and {gpus:g} GPU{'' if gpus == 1 else 's'} (study.cpus, study.gpus)"
    if started:
        raise UserError(
            f"a run needs {wanted}, which this machine has not; ask for less, or join a cluster by --ray_address"
        )
    print(f"no node of the cluster has {wanted} yet; runs wait until one joins", file=sys.stderr)


class _WithoutRaylets:
    """`stream` without what Ray prints of raylets that died: pages of their logs, which stand in its files too."""

    def __init__(self, stream: IO[str]):
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if threading.current_thread().name == _LISTENER else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def gpus_of_a_run(study: Study, workers: int, nodes: Sequence[Mapping[str, float]]) -> float:
    """What Ray is asked for: study.gpus; of "auto" what `workers` runs at a time leave each other, 1 … 1/4, or 0 of none."""
    if study.gpus != AUTO:
        return float(study.gpus)
    there = gpus_in(nodes)
    return max(LEAST_SHARE, 1 / math.ceil(workers / there)) if there else 0.0


def gpus_in(nodes: Sequence[Mapping[str, float]]) -> int:
    """How many GPUs `nodes` have."""
    return int(sum(node.get("GPU", 0) for node in nodes))


def gpus_shared(study: Study, nodes: Sequence[Mapping[str, float]]) -> int:
    """How many GPUs of `nodes` the runs of `study` share; at least one where they ask for some, as a node may yet join."""
    if study.gpus == AUTO:
        return gpus_in(nodes)
    return max(1, gpus_in(nodes)) if study.gpus else 0


def gpus_there(study: Study, address: str) -> int:
    """How many GPUs of the cluster at `address` the runs of `study` share. Raises UserError as cluster."""
    if study.gpus == 0:
        return 0
    with cluster(study, 1, address) as ray:
        return gpus_shared(study, nodes_of(ray))
