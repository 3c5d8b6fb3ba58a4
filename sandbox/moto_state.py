"""What moto keeps for us: whether something that a behaviour refers to exists there."""

from __future__ import annotations

from moto.backends import get_backend


def load_balancer_exists(account: str, region: str, arn: str) -> bool:
    """Tell whether a load balancer exists."""
    return arn in get_backend("elbv2")[account][region].load_balancers


def kms_key_usable(arn: str) -> bool:
    """Tell whether the key with this ARN exists, is enabled and symmetric."""
    _, _, _, region, account, resource = arn.split(":", 5)
    key = get_backend("kms")[account][region].keys.get(resource.removeprefix("key/"))
    return key is not None and key.enabled and key.key_spec == "SYMMETRIC_DEFAULT"
