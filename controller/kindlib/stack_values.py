"""What may be shown of a property of a stack's resource: nothing that people may have typed.

The resource may be of any type, so that no name vouches for what a property holds: ECS writes
variables as `{Name, Value}`. Shown are numbers, switches, networks, ARNs and AWS's own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from controller.leaks import form_of, named_like_one
from controller.redact import HIDDEN

_TYPED = re.compile(
    r"environment|variable|parameter|userdata|metadata|condition|command|argument|entrypoint|tags$"
    r"|secret|passw|passphrase|token|credential|value",
    re.IGNORECASE,
)
"""In the name of what people fill in: no switch or number under it is shown, either."""

_NUMBER = re.compile(r"[-+]?[0-9]{1,10}(\.[0-9]{1,6})?|true|false")
_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}|aws)?:\S{1,512}")
_WORDS = frozenset({
    "", "*", "-1", "tcp", "udp", "icmp", "icmpv6", "http", "https", "tls",
    "allow", "deny", "block", "count", "forward", "redirect", "private", "public-read",
    "enabled", "disabled", "enable", "disable", "suspended", "active", "inactive", "on", "off",
    "optional", "required", "default", "dedicated", "pay_per_request", "provisioned",
    "aes256", "aws:kms", "aws:kms:dsse", "symmetric_default", "encrypt_decrypt", "sign_verify",
    "bucketownerenforced", "bucketownerpreferred", "objectwriter", "internal", "internet-facing",
    "ipv4", "ipv6", "dualstack", "fargate", "ec2", "external", "awsvpc", "bridge", "host",
    "standard", "advanced", "intelligent-tiering",
})  # fmt: skip
"""Words of AWS's own enumerations, in lower case: no secret wherever one stands."""


def shown(path: Sequence[str | int], value: Any) -> Any:
    """The value at a path as it may be shown, at any depth. None: it is not there, which is told
    in any case."""
    names = [step for step in path if isinstance(step, str)]
    if value is None:
        return None
    if any(_TYPED.search(name) or named_like_one(name) for name in names):
        return HIDDEN
    if isinstance(value, dict):
        return {key: shown((*path, key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown((*path, place), inner) for place, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    number = isinstance(path[-1], str) and _NUMBER.fullmatch(value)
    return value if number or _public(value) else HIDDEN


def _public(text: str) -> bool:
    """True for a word of AWS's, an ARN and a network."""
    if text.lower() in _WORDS:
        return True
    if _ARN.fullmatch(text):
        return not form_of(text)
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text
