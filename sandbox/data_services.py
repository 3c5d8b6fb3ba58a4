"""What RDS and ElastiCache share: paging, names, windows, subnets, security groups, keys, tags."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from moto.backends import get_backend
from moto.ec2.exceptions import EC2ClientError

from sandbox.errors import AwsError
from sandbox.registry import Context, Params
from sandbox.tags import MAX_TAGS, forget_tags, from_pairs, to_pairs
from sandbox.tags import put_tags as keep_tags
from sandbox.world import Store, World

Item = dict[str, Any]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60
_NAME = re.compile(r"[a-zA-Z](-?[a-zA-Z0-9])*")
_DAILY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_WEEKLY = re.compile(
    r"(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):([0-5]\d)"
    r"-(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):([0-5]\d)"
)


def invalid(message: str) -> AwsError:
    """`InvalidParameterValue`, to be raised."""
    return AwsError("InvalidParameterValue", message)


def clash(message: str) -> AwsError:
    """`InvalidParameterCombination`, to be raised."""
    return AwsError("InvalidParameterCombination", message)


def context(world: World, service: str) -> Context:
    """A context for what AWS does by itself, in the world's own account and region."""
    return Context(world, service, "-", world.account, world.region, "")


def name_of(kind: str, value: str, longest: int) -> str:
    """`value` in lower case, as AWS stores it; refused unless it is a valid identifier."""
    if not _NAME.fullmatch(value) or len(value) > longest:
        raise invalid(
            f"The parameter {kind} is not a valid identifier. Identifiers must begin with a letter;"
            " must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen"
            " or contain two consecutive hyphens."
        )
    return value.lower()


# --- paging ---


def page(
    items: Iterable[Item], key: Callable[[Item], str], params: Params
) -> tuple[list[Item], dict[str, str]]:
    """One page, ordered by `key`, and the marker part of the reply. Pages hold 20 to 100 items."""
    limit = params.get("MaxRecords", 100)
    if not 20 <= limit <= 100:
        raise invalid(f"Invalid value {limit} for MaxRecords. Must be between 20 and 100")
    ordered = sorted(items, key=key)
    if params.get("Marker"):
        try:
            last = base64.b64decode(params["Marker"], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise invalid("The marker is not valid") from None
        ordered = [item for item in ordered if key(item) > last]
    if len(ordered) <= limit:
        return ordered, {}
    return ordered[:limit], {"Marker": base64.b64encode(key(ordered[limit - 1]).encode()).decode()}


# --- windows ---


def minutes(window: str) -> tuple[int, int]:
    """Start and length of a weekly (`sun:05:00-sun:06:00`) or daily (`05:00-06:00`) window."""
    start, end = window.split("-")
    span = WEEK if window[0].isalpha() else 24 * 60

    def minute(text: str) -> int:
        day = DAYS.index(text[:3]) if text[0].isalpha() else 0
        hour, mins = text[-5:].split(":")
        return day * 24 * 60 + int(hour) * 60 + int(mins)

    return minute(start), (minute(end) - minute(start)) % span


def weekly(window: str, shortest: int) -> str:
    """A maintenance window in lower case, as AWS stores it; refused if malformed."""
    window = window.lower()
    if not _WEEKLY.fullmatch(window):
        raise invalid(f"Invalid maintenance window format: {window}. Should be ddd:hh:mm-ddd:hh:mm")
    length = minutes(window)[1]
    if not shortest <= length < 24 * 60:
        raise invalid(f"The maintenance window must be at least {shortest} minutes, below 24 hours")
    return window


def daily(window: str, shortest: int) -> str:
    """A backup window; refused if malformed."""
    if not _DAILY.fullmatch(window):
        raise invalid(f"Invalid backup window format: {window}. Should be specified as hh:mm-hh:mm")
    if minutes(window)[1] < shortest:
        raise invalid(f"The backup window must be at least {shortest} minutes.")
    return window


def overlapping(backup: str, maintenance: str) -> bool:
    """Whether a daily and a weekly window share a moment."""
    start, length = minutes(maintenance)
    begin, span = minutes(backup)
    starts = [begin + day * 24 * 60 for day in range(7)]
    return any((s - start) % WEEK < length or (start - s) % WEEK < span for s in starts)


def random_windows(ctx: Context, length: int) -> tuple[str, str]:
    """A daily and a weekly window of AWS's choosing, which do not overlap."""
    rng = ctx.world.rng
    at = 3 * 60 + rng.randrange(0, 180)
    backup = f"{at // 60:02}:{at % 60:02}-{(at + length) // 60:02}:{(at + length) % 60:02}"
    at = 7 * 60 + rng.randrange(0, 120)
    day = rng.choice(DAYS)
    end = at + length
    return backup, f"{day}:{at // 60:02}:{at % 60:02}-{day}:{end // 60:02}:{end % 60:02}"


def minute_of_week(moment: datetime) -> int:
    """Minutes since Monday 00:00 UTC."""
    return moment.weekday() * 24 * 60 + moment.hour * 60 + moment.minute


def until_window(now: datetime, window: str) -> timedelta:
    """How long until the window next opens (a window that is open now opens next week)."""
    start = minutes(window)[0]
    wait = (start - minute_of_week(now)) % WEEK or WEEK
    return timedelta(minutes=wait) - timedelta(seconds=now.second, microseconds=now.microsecond)


# --- what moto holds: subnets, security groups, keys ---


def subnet(ctx: Context, subnet_id: str) -> tuple[str, str]:
    """Availability zone and VPC of a subnet. `InvalidSubnet` if there is none."""
    try:
        found = get_backend("ec2")[ctx.account][ctx.region].get_subnet(subnet_id)
    except EC2ClientError:
        raise AwsError(
            "InvalidSubnet", f"The requested subnet is invalid: Invalid Subnet Id : [{subnet_id}]"
        ) from None
    return str(found.availability_zone), str(found.vpc_id)


def networks(ctx: Context, subnet_id: str) -> list[str]:
    """The network types that a subnet serves: ipv4, or dual_stack too, or ipv6 alone."""
    found = get_backend("ec2")[ctx.account][ctx.region].get_subnet(subnet_id)
    if found.ipv6_native:
        return ["ipv6"]
    return ["ipv4", "dual_stack"] if found.ipv6_cidr_block_association_set else ["ipv4"]


def default_subnets(ctx: Context) -> list[str]:
    """The subnets of the account's default VPC."""
    backend = get_backend("ec2")[ctx.account][ctx.region]
    vpc = backend.get_default_vpc()
    return (
        []
        if vpc is None
        else sorted(
            str(s.id)
            for zone in backend.subnets.values()
            for s in zone.values()
            if s.vpc_id == vpc.id
        )
    )


def security_groups(ctx: Context, ids: list[str], vpc: str) -> list[str]:
    """The groups to use: those asked for, which must be in the VPC, or the VPC's default group."""
    backend = get_backend("ec2")[ctx.account][ctx.region]
    if not ids:
        return [str(g.id) for g in backend.groups[vpc].values() if g.name == "default"]
    for group_id in ids:
        group = backend.get_security_group_from_id(group_id)
        if group is None:
            raise invalid(f"Invalid security group , groupId= {group_id}, groupName=.")
        if group.vpc_id != vpc:
            raise clash(
                f"The VPC of security group {group_id} and that of the subnet group differ: {vpc}"
            )
    return sorted(set(ids))


def key_arn(ctx: Context, key: str, code: str = "KMSKeyNotAccessibleFault") -> str:
    """ARN of the key that an id, ARN, alias or alias ARN names. `code` if there is none."""
    backend = get_backend("kms")[ctx.account][ctx.region]
    here = ctx.arn("", "kms")
    if key.startswith("arn:") and not key.startswith(here):
        return key
    name = key.removeprefix(here).removeprefix("key/")
    if name.startswith("alias/"):
        name = backend.get_key_id_from_alias(name) or ""
    if name not in backend.keys:
        raise AwsError(code, f"The specified KMS key [{key}] does not exist or is not enabled")
    return str(backend.keys[name].arn)


# --- tags ---


def put_tags(
    ctx: Context, arn: str, tags: list[dict[str, str]], full: str = "InvalidParameterValue"
) -> None:
    """Add or change tags. `full` is the error code for more than 50 tags."""
    if len(tags) > MAX_TAGS:
        raise AwsError(full, f"A resource can have at most {MAX_TAGS} tags")
    check_tags(tags)
    if tags:
        given = from_pairs(tags, "InvalidParameterValue")
        keep_tags(ctx.store, arn, given, full)


def check_tags(tags: list[dict[str, str]]) -> None:
    """Refuse tags that AWS refuses."""
    for key, value in from_pairs(tags, "InvalidParameterValue").items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise invalid("Tag keys have 1 to 128 characters, tag values at most 256")


def drop_tags(ctx: Context, arn: str) -> None:
    """Forget all tags of a resource that is gone."""
    forget_tags(ctx.store, arn)


def tag_list(ctx: Context, store: Store, arn: str) -> list[dict[str, str]]:
    """Tags as the API lists them, in no order."""
    return to_pairs(ctx, store.get("_tags", {}).get(arn, {}))
