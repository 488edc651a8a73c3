"""How many examples a comparison has: enough to meet each length class of a hash many times over."""

from hypothesis import HealthCheck, settings

SETTINGS = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
MISSING = "{} is not installed; `make parity` compares with it"
