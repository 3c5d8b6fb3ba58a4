"""A token bucket per API operation, so that a large environment slows down before AWS refuses.

Defaults are AWS's documented per-account quotas where it publishes them, and a modest guess where
it does not. https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

RATES: dict[str, tuple[float, float]] = {
    "cloudwatch:DescribeAlarms": (9, 9),
    "cloudwatch:PutMetricAlarm": (3, 3),
    "cloudwatch:DeleteAlarms": (3, 3),
    "ecs:DescribeClusters": (50, 20),
    "ecs:DescribeTaskDefinition": (50, 20),
    "ecs:DescribeServices": (100, 20),
    "ecs:RegisterTaskDefinition": (20, 1),
    "ecs:CreateService": (50, 5),
    "ecs:UpdateService": (50, 5),
    "ecs:CreateCluster": (20, 1),
    "logs:DescribeLogGroups": (10, 10),
    "wafv2:AssociateWebACL": (1, 0.5),
    "wafv2:GetWebACLForResource": (1, 1),
}
"""`service:Operation` → (burst, per second)."""

WAF_READ = (5.0, 5.0)
WAF_WRITE = (1.0, 1.0)
OTHER = (40.0, 20.0)


def rate_of(call: str) -> tuple[float, float]:
    """Burst and sustained rate for `service:Operation`."""
    if call in RATES:
        return RATES[call]
    if call.startswith("wafv2:"):
        return WAF_READ if call.startswith(("wafv2:Get", "wafv2:List")) else WAF_WRITE
    return OTHER


class Budget:
    """Token buckets, one an operation. share: this worker's part of the account's quota (0-1]."""

    def __init__(self, share: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, call: str) -> float:
        """Take one token; the seconds to wait before the call may be sent (mostly 0)."""
        burst, rate = rate_of(call)
        burst, rate = max(1.0, burst * self._share), rate * self._share
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.get(call, (burst, now))
            tokens = min(burst, tokens + (now - at) * rate) - 1.0
            self._buckets[call] = (tokens, now)
        return -tokens / rate if tokens < 0 else 0.0
