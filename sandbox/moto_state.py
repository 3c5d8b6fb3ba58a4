"""What moto keeps for us: whether something that a behaviour refers to exists there; and buckets,
whose policies it reads too strictly."""

from __future__ import annotations

import importlib
import json
from functools import cache
from typing import Any

from moto.backends import get_backend
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


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


def _permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    """What a bucket's policy says of a call by TLS, as which all calls here count.

    moto lets every statement that has a condition deny.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
    """
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    policy["Statement"] = [s for s in policy["Statement"] if s.get("Condition") != WITHOUT_TLS]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


# moto offers no other way to say what a condition means.
FakeBucket.get_permission = _permission  # type: ignore[method-assign, assignment]
