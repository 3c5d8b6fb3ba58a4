"""The AWS session that everything here uses."""

from __future__ import annotations

import botocore.session


def session() -> botocore.session.Session:
    """A session by the standard AWS settings: profile, credentials, region, endpoints."""
    return botocore.session.Session()
