"""Hypothesis: the same examples in CI every time, new ones on a developer's machine; no database in the checkout."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("local", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
