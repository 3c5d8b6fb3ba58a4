"""Sessions in a target account: the role that reads, and the role that writes, never both at once.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
The external id keeps others from having us act for them; `SourceIdentity` puts the environment's
name into every CloudTrail record of a write.
"""

from __future__ import annotations

import re
from typing import Any

import botocore.session
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    DeferredRefreshableCredentials,
)

from controller.sessions import session as new_session

SESSION = "plumbline"
"""What our role sessions are called: change events that bear it are our own doing."""


def role_arn(partition: str, account: str, name: str) -> str:
    """The ARN of a role."""
    return f"arn:{partition}:iam::{account}:role/{name}"


def assumed(
    source: botocore.session.Session, arn: str, *, external_id: str, region: str, identity: str = ""
) -> botocore.session.Session:
    """A session as a role; the role is assumed when the first call is made, and again in time.

    identity: `SourceIdentity`, for the session of one environment.
    """
    extra: dict[str, Any] = {"RoleSessionName": SESSION}
    if external_id:
        extra["ExternalId"] = external_id
    if identity:
        allowed = re.sub(r"[^\w+=,.@-]", "-", identity)
        extra["SourceIdentity"] = allowed.ljust(2, "-")  # STS takes no single character
    fetcher = AssumeRoleCredentialFetcher(
        lambda service, **options: source.create_client(service, region_name=region, **options),
        source.get_credentials(),
        arn,
        extra_args=extra,
    )
    made = new_session()
    made._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return made
