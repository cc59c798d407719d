"""Profiles of hypothesis, chosen by ``CI`` or ``HYPOTHESIS_PROFILE`` in the environment; and quiet threads."""

import os

import pytest
from hypothesis import HealthCheck, settings
from threadpoolctl import threadpool_limits

# No deadline: the first call of an operation may be slow, and the machine may be busy.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, print_blob=True, **COMMON)
settings.register_profile("thorough", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread_a_process():
    """Hold BLAS to one thread: the suite may run in several processes, whose threads would be in each other's way."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
