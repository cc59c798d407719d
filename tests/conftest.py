"""Profiles of hypothesis, chosen by ``CI`` or ``HYPOTHESIS_PROFILE`` in the environment; quiet threads; a device."""

import contextlib
import os

import pytest
from hypothesis import HealthCheck, settings
from stand_in import stand_in_for_cupy
from threadpoolctl import threadpool_limits

from npseg import backend, room

# No deadline: the first call of an operation may be slow, and the machine may be busy.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, print_blob=True, **COMMON)
settings.register_profile("quick", max_examples=10, derandomize=True, **COMMON)
settings.register_profile("thorough", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread_a_process():
    """Hold BLAS to one thread: the suite may run in several processes, whose threads would be in each other's way."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture
def little_room(monkeypatch):
    """Let this machine have 16 MiB of memory: what asks for much is refused here as it would be elsewhere."""
    monkeypatch.setattr(room, "memory", lambda: 2**24)


@pytest.fixture
def in_an_empty_folder(monkeypatch, tmp_path):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def stand_in():
    """The stand-in for CuPy, in use."""
    with stand_in_for_cupy() as library, backend.use("cupy"):
        yield library


@pytest.fixture
def gpu():
    """CuPy, in use, where a device answers."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(backend.use("cupy"))
        except ValueError as reason:
            pytest.skip(str(reason))
        yield backend.current()


@pytest.fixture(params=["stand_in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    """The library of a device, in use: the stand-in for CuPy, and CuPy itself where a device answers."""
    return request.getfixturevalue(request.param)
