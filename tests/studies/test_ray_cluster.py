"""ray_cluster.py over a Ray that is played: what it has room for, and what is set for it."""

from __future__ import annotations

import contextlib
import os
import threading
import types

import pytest

from dlib_bvae.errors import UserError
from dlib_bvae.studies import local, ray_cluster


def test_what_is_set_for_ray_does_not_stay_in_the_environment(monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.delenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", raising=False)
    before = dict(os.environ)
    with ray_cluster._settings():
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"  # the user has said so
        assert os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] == "1"
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("cpus", "gpus", "node", "fit"),
    [
        (1, 0.0, {"CPU": 4.0}, 4),
        (3, 0.0, {"CPU": 8.0}, 2),
        (1, 0.0, {}, 0),
        (1, 0.5, {"CPU": 8.0, "GPU": 2.0}, 4),
        (1, 0.5, {"CPU": 3.0, "GPU": 2.0}, 3),
        (1, 0.1, {"CPU": 8.0, "GPU": 0.3}, 3),  # 0.3 / 0.1 is 2.99…
        (1, 1.0, {"CPU": 8.0}, 0),
    ],
)
def test_how_many_runs_a_node_has_room_for(tiny, cpus, gpus, node, fit):
    assert ray_cluster._fit(tiny(f"study.cpus = {cpus}"), node, gpus) == fit


def test_the_room_of_a_cluster_is_that_of_its_nodes_that_are_alive(tiny, monkeypatch, capsys):
    asked = tiny("study.cpus = 2")
    nodes = [
        {"Resources": {"CPU": 4.0}, "Alive": True},
        {"Resources": {"CPU": 64.0}, "Alive": False},
        {"Resources": {"CPU": 3.0}, "Alive": True},
    ]
    ray = types.SimpleNamespace(nodes=lambda: nodes)
    monkeypatch.setattr(ray_cluster, "cluster", lambda *_: contextlib.nullcontext(ray))
    assert ray_cluster.room(asked, "auto") == 3
    nodes[:] = nodes[1:2]
    assert ray_cluster.room(asked, "auto") == 1
    nodes.append({"Resources": {"CPU": 64.0, "GPU": 2.0}, "Alive": True})
    assert ray_cluster.room(asked, "auto") == 8  # four a GPU
    del nodes[1]
    with pytest.raises(UserError, match=r"a run needs 2 CPUs and 0 GPUs .* which this machine has not"):
        ray_cluster._check_room(ray, asked, 1, started=True)
    ray_cluster._check_room(ray, asked, 1, started=False)
    assert "no node of the cluster has 2 CPUs and 0 GPUs" in capsys.readouterr().err


def test_what_ray_prints_of_lost_raylets_is_not_shown():
    stream = types.SimpleNamespace(texts=[], encoding="utf-8")
    stream.write = lambda text: stream.texts.append(text) or len(text)
    quiet = ray_cluster._WithoutRaylets(stream)
    assert quiet.write("mine") == 4
    assert quiet.encoding == "utf-8"
    listener = threading.Thread(target=quiet.write, args=("pages",), name="ray_listen_error_messages")
    listener.start()
    listener.join()
    assert stream.texts == ["mine"]


def test_the_gpus_of_a_cluster_that_runs_share(tiny, monkeypatch):
    nodes = [{"Resources": {"CPU": 4.0, "GPU": 2.0}, "Alive": True}, {"Resources": {"CPU": 4.0}, "Alive": True}]
    ray = types.SimpleNamespace(nodes=lambda: nodes)
    monkeypatch.setattr(ray_cluster, "cluster", lambda *_: contextlib.nullcontext(ray))
    assert ray_cluster.gpus_there(tiny(), "auto") == 2
    assert ray_cluster.gpus_there(tiny("study.gpus = 0"), "auto") == 0
    del nodes[0]  # a node with GPUs may yet join, for runs that ask for one
    assert [ray_cluster.gpus_there(tiny(f"study.gpus = {each}"), "auto") for each in ("'auto'", 0.5)] == [0, 1]


def test_a_cluster_that_is_started_has_cores_for_scoring_where_there_are_gpus(tiny, monkeypatch):
    started = []
    nodes = [{"Resources": {"CPU": 8.0, "GPU": 1.0}, "Alive": True}]
    ray = types.SimpleNamespace(nodes=lambda: nodes, shutdown=lambda: None)
    monkeypatch.setattr(ray_cluster, "imported", lambda: ray)
    monkeypatch.setattr(ray_cluster, "_connect", lambda ray, address, options: started.append(options["num_cpus"]))
    monkeypatch.setattr(local, "cores", lambda: 8)
    for gpus in ("0", ""):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
        with ray_cluster.cluster(tiny("study.cpus = 2"), 1, None):
            pass
    assert started == [8, 2]
