"""Hypothesis profiles: a small one for every run, ``HYPOTHESIS_PROFILE=nightly`` for a thorough one."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("default", max_examples=40, deadline=None, derandomize=True)
settings.register_profile(
    "nightly", max_examples=2500, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
