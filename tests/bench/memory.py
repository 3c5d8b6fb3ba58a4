"""Peak memory of this process alone."""

from __future__ import annotations

import re
import resource
from pathlib import Path


def peak_mb() -> float:
    """The most that was ever resident, in MB.

    `getrusage` counts what the parent held when it forked, so Linux's own figure comes first.
    """
    try:
        told = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = re.search(r"VmHWM:\s*(\d+) kB", told)
    assert found is not None
    return int(found[1]) / 1024
