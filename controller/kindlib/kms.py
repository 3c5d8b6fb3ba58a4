"""KMS keys in specs: one key, named so that AWS's echo can be compared with it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from controller.policies import Canonical
from controller.spec import text


def key_id(key: str) -> str:
    """The key's id, of an id or an ARN: AWS echoes ARNs (cases 67, 126)."""
    return key.rpartition("key/")[2].lower()


KmsKey = Annotated[
    str,
    AfterValidator(
        text(
            r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+"
            r"|mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            says="must be the ARN or id of a KMS key; not an alias, which can be moved to another"
            " key unseen",
        )
    ),
    Canonical(key_id, cases=(67, 126)),
]
"""ARN or id of a key; aliases are refused, as AWS shows the key behind them."""
