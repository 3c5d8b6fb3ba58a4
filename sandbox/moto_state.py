"""What moto keeps for us: whether something that a behaviour refers to exists there."""

from __future__ import annotations

from moto.backends import get_backend


def load_balancer_exists(account: str, region: str, arn: str) -> bool:
    """Tell whether a load balancer exists."""
    return arn in get_backend("elbv2")[account][region].load_balancers


def kms_key_exists(arn: str) -> bool:
    """Tell whether the key with this ARN exists; True for keys of accounts that moto has not."""
    _, _, _, region, account, resource = arn.split(":", 5)
    return resource.removeprefix("key/") in get_backend("kms")[account][region].keys
