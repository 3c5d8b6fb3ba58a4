"""What moto keeps for us: whether something that a behaviour refers to exists there."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from moto.backends import get_backend


@cache
def true_zone_ids() -> None:
    """Let ids of hosted zones begin with Z, as Route 53's do and templates' patterns ask for."""
    models: Any = importlib.import_module("moto.route53.models")
    made = models.create_route53_zone_id
    models.create_route53_zone_id = lambda **given: f"Z{made(**given)[1:]}"


def load_balancer_exists(account: str, region: str, arn: str) -> bool:
    """Tell whether a load balancer exists."""
    return arn in get_backend("elbv2")[account][region].load_balancers


def kms_key_usable(arn: str) -> bool:
    """Tell whether the key with this ARN exists, is enabled and symmetric."""
    _, _, _, region, account, resource = arn.split(":", 5)
    key = get_backend("kms")[account][region].keys.get(resource.removeprefix("key/"))
    return key is not None and key.enabled and key.key_spec == "SYMMETRIC_DEFAULT"
