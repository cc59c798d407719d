"""Profiles of hypothesis: ``CI`` in the environment, or ``HYPOTHESIS_PROFILE``, chooses one."""

import os

from hypothesis import HealthCheck, settings

# No deadline: the first call of an operation may be slow, and the machine may be busy.
COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, print_blob=True, **COMMON)
settings.register_profile("thorough", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
