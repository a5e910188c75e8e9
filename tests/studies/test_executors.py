"""executors.py: the names after --executor."""

import socket

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.studies import executors, local, ray_cluster, ray_executor


def test_this_machine(tiny):
    assert executors.named("local") is executors.LOCAL
    assert (local.execute, local.default_workers, local.gpus_there) == executors.LOCAL
    with pytest.raises(UserError, match="--ray_address is for --executor=ray"):
        executors.named("local", "auto")
    with pytest.raises(UserError, match="no executor is called 'rya'; did you mean ray"):
        executors.named("rya")


def test_a_cluster_of_this_machine_and_one_that_is_joined(tiny, monkeypatch):
    monkeypatch.setattr(ray_cluster, "imported", lambda: None)
    assert executors.named("ray") == (ray_executor.execute, local.default_workers, local.gpus_there)
    joined = executors.named("ray", "auto")
    assert (joined.execute.func, joined.execute.keywords) == (ray_executor.execute, {"address": "auto"})
    assert (joined.default_workers.func, joined.default_workers.keywords) == (ray_cluster.room, {"address": "auto"})
    assert (joined.gpus.func, joined.gpus.keywords) == (ray_cluster.gpus_there, {"address": "auto"})
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert executors.named("ray", address).execute.keywords == {"address": address}
    with pytest.raises(UserError, match=f"no Ray cluster answers at {address}"):
        executors.named("ray", address)
