"""Names for manifests, from the names that things have in AWS."""

from __future__ import annotations

import re
from collections.abc import Collection

MOST = 40
"""Characters of a name (`controller.envelope.Name`)."""


def manifest_name(physical: str, environment: str, taken: Collection[str]) -> str:
    """A name that is allowed, not taken, and as near to the physical one as can be.

    The environment's own name before it goes, since physical names begin with it anyway.
    """
    bare = re.sub(rf"^{re.escape(environment)}[^A-Za-z0-9]+", "", physical) or physical
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "-", bare).lower())
    name = words.strip("-") or "x"
    if not name[0].isalpha():
        name = f"x-{name}"
    name = name[:MOST].rstrip("-")
    number = 1
    found = name
    while found in taken:
        number += 1
        end = f"-{number}"
        found = name[: MOST - len(end)].rstrip("-") + end
    return found
