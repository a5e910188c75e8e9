"""How TensorFlow starts in a plain Python process that uses the rooms, quietly and only where it is needed; how commands end."""

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dlib_bvae import runtime
from dlib_bvae.errors import UserError

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
USE = "import os, sys; import tensorflow as tf; tf.ones(2) + 1; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**CLEAN, **environment}
    )


@pytest.mark.parametrize(
    "door",
    [
        "from dlib_bvae.stages import train",
        "from dlib_bvae.models.vae import GaussianVAE",
        "from dlib_bvae.training.optimizers import adam",
    ],
)
def test_a_room_starts_tensorflow_quietly_and_with_onednn(door):
    done = python(f"{door}\n{USE}\nimport gc; print(gc.isenabled())")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\nTrue\n", "")


def test_what_the_user_has_set_or_imported_before_stays():
    assert python(f"from dlib_bvae.models import vae\n{USE}", TF_ENABLE_ONEDNN_OPTS="0").stdout == "0\n"
    assert python(f"import tensorflow\nfrom dlib_bvae.models import vae\n{USE}").stdout == "None\n"


def test_what_needs_no_tensorflow_does_not_import_it():
    code = """
import sys
import dlib_bvae
from dlib_bvae import analysis, datasets, leaderboard, metrics
from dlib_bvae.models import MODELS
from dlib_bvae.stages import evaluate, postprocess
assert MODELS.names() and metrics.METRICS.get("mig")
assert "tensorflow" not in sys.modules
"""
    assert python(code).stderr == ""


def swallowing():
    """As scikit-learn's MLPClassifier.fit: a KeyboardInterrupt ends it as if it were done."""
    with contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_is_swallowed_is_raised_at_the_end_of_the_block_and_by_who_asks():
    before, reached = signal.getsignal(signal.SIGINT), []

    def block():
        with runtime.interruptible():
            swallowing()
            with pytest.raises(KeyboardInterrupt):
                runtime.raise_if_interrupted()
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert reached
    assert signal.getsignal(signal.SIGINT) is before
    runtime.raise_if_interrupted()  # what was raised is over
    with runtime.interruptible():
        pass


def test_a_block_in_a_block_raises_first():
    with contextlib.suppress(KeyboardInterrupt), runtime.interruptible():
        with pytest.raises(KeyboardInterrupt), runtime.interruptible():
            swallowing()
        assert signal.getsignal(signal.SIGINT) is runtime._note


def test_handlers_of_others_and_ignored_signals_stay():
    caught = []
    for handler in (lambda *_: caught.append(True), signal.SIG_IGN):
        before = signal.signal(signal.SIGINT, handler)
        try:
            with runtime.interruptible(signal.SIGINT):
                signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is handler
        finally:
            signal.signal(signal.SIGINT, before)
    assert caught == [True]


def test_outside_the_main_thread_nothing_is_installed():
    def look():
        with runtime.interruptible():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(look).result() is signal.getsignal(signal.SIGINT)


def test_an_interrupt_that_is_meant_is_forgotten():
    with runtime.interruptible():
        swallowing()
        runtime.forget_interrupt()


MAIN = """
import argparse, contextlib, os, signal, sys
from dlib_bvae import runtime
from dlib_bvae.errors import UserError
from dlib_bvae.errors import UserError
def call():
    {}
    print("after")
runtime.main(call, argparse.ArgumentParser(prog="dlib_bvae_x"))
"""


@pytest.mark.parametrize(
    ("body", "status", "output", "errors"),
    [
        ("raise UserError('wrong')", 2, "", "dlib_bvae_x: wrong\n"),
        ("raise KeyboardInterrupt", 130, "", ""),
        ("signal.raise_signal(signal.SIGINT)", 130, "", ""),
        ("\n    with contextlib.suppress(KeyboardInterrupt): signal.raise_signal(signal.SIGINT)", 130, "after\n", ""),
        (
            "\n    try: signal.raise_signal(signal.SIGINT)\n    except KeyboardInterrupt: raise RuntimeError('broken')",
            130,
            "",
            "",
        ),
        (
            "signal.raise_signal(signal.SIGTERM)",
            143,
            "",
            "dlib_bvae_x: ended by SIGTERM; what was not finished is not recorded\n",
        ),
        ("signal.signal(signal.SIGINT, signal.SIG_IGN); signal.raise_signal(signal.SIGINT)", 0, "after\n", ""),
        ("sys.exit(75)", 75, "", ""),
        ("print('µ ± β')", 0, "\\xb5 \\xb1 \\u03b2\nafter\n", ""),
        ("raise UserError('größe')", 2, "", "dlib_bvae_x: gr\\xf6\\xdfe\n"),
        (
            "open('/proc/version', 'w') if os.getuid() else (_ for _ in ()).throw(PermissionError(13, 'Permission denied', 'x'))",
            2,
            "",
            "Permission denied; choose another place, or see who may use it\n",
        ),
        ("os.mkdir(__import__('sys').executable)", 2, "", "File exists; choose another place, or see who may use it\n"),
    ],
)
def test_how_a_command_ends(body, status, output, errors):
    done = python(MAIN.format(body), PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (status, output)
    assert done.stderr.endswith(errors)
    assert "Traceback" not in done.stderr
    assert bool(done.stderr) is bool(errors)


def test_a_command_that_ends_does_not_collect_what_is_left():
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0))\n" + MAIN.format("pass")
    assert python(code).stdout == "after\nTrue\n"


def test_a_command_whose_reader_has_ended_ends_without_a_word():
    code = MAIN.format("print('x' * 100_000)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert (child.stderr.read(), child.wait(timeout=60)) == (b"", 128 + signal.SIGPIPE)


def test_a_missing_tensorflow_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(UserError, match="this needs TensorFlow, which is not installed here; install this package"):
        runtime.load_tensorflow()
