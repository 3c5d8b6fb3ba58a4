"""What WAF rejects of IP sets."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Given, Refusal, session_of
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/waf/latest/APIReference/API_"
Doc = dict[str, Any]
Load = str | tuple[str, str]
BAD, GONE = "WAFInvalidParameterException", "WAFNonexistentItemException"
VALIDATION = "ValidationException"
THERE = "what there is in AWS"
NO_ID = "1111aaaa-22bb-33cc-44dd-555555eeeeee"
NAMED: Doc = {"Name": "set", "Scope": "REGIONAL"}
WHOLE: Doc = {**NAMED, "Addresses": []}


def row(
    operation: str, why: str, load: Load, says: str = "", code: str = BAD,
    given: Given | None = None, **request: Any,
) -> Refusal:  # fmt: skip
    """load: (spec, what is said of it), or why no file can tell."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {
        "at_load": ("IPSet", *load)}  # fmt: skip
    return Refusal(f"wafv2:{operation}", why, request, code, f"{API}{operation}.html", says, given,
                   **told)  # fmt: skip


def create(why: str, load: Load, says: str = "", code: str = BAD, **request: Any) -> Refusal:
    whole = {"Name": "new", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": []}
    return row("CreateIPSet", why, load, says, code, **{**whole, **request})


def token(name: str = "set") -> Given:
    """Id and lock token of a set."""

    def read(aws: boto3.Session, world: World) -> Doc:
        sets = aws.client("wafv2").list_ip_sets(Scope="REGIONAL")["IPSets"]
        return next({k: s[k] for k in ("Id", "LockToken")} for s in sets if s["Name"] == name)

    return read


def arn(aws: boto3.Session, world: World) -> Doc:
    sets = aws.client("wafv2").list_ip_sets(Scope="REGIONAL")["IPSets"]
    return {"ResourceARN": next(s["ARN"] for s in sets if s["Name"] == "set")}


REFUSALS = (
    create("a name that is taken", THERE, "duplicate", "WAFDuplicateItemException", Name="set"),
    create("a name with a blank", "the name is checked when the file is read",
           "regular expression", VALIDATION, Name="a b"),
    create("an address without its /32", ("addresses: [192.0.2.1]", "…/32"), "not valid",
           Addresses=["192.0.2.1"]),
    create("the whole internet", ("addresses: [0.0.0.0/0]", "not /0"), "not valid",
           Addresses=["0.0.0.0/0"]),
    create("no address", ("addresses: ['']", "CIDR block"), "Invalid length", VALIDATION,
           Addresses=[""]),
    create("IPv6 in a set of IPv4",
           ("addresses: ['2001:db8::/32']", "not of ipAddressVersion: IPV4"), "not valid",
           Addresses=["2001:db8::/32"]),
    create("no version like that", ("addresses: [], ipAddressVersion: IPV5", "IPV5"),
           "enum value set", VALIDATION, IPAddressVersion="IPV5"),
    create("an empty description", ("addresses: [], description: ''", "3-256"),
           "Invalid length", VALIDATION, Description=""),
    row("UpdateIPSet", "a set that is not there", THERE, code=GONE, given=token(),
        **{**WHOLE, "Name": "no"}),
    row("UpdateIPSet", "a token that is stale", "tokens are AWS's",
        code="WAFOptimisticLockException",
        given=lambda aws, world: {**token()(aws, world), "LockToken": NO_ID}, **WHOLE),
    row("UpdateIPSet", "an address that is none", ("addresses: [192.0.2.0/33]", "CIDR block"),
        "not valid", given=token(), **{**WHOLE, "Addresses": ["192.0.2.0/33"]}),
    row("DeleteIPSet", "a set that a rule refers to", THERE, "used by another resource",
        "WAFAssociatedItemException", token("used"), Name="used", Scope="REGIONAL"),
    row("DeleteIPSet", "a token that is stale", "tokens are AWS's",
        code="WAFOptimisticLockException",
        given=lambda aws, world: {**token()(aws, world), "LockToken": NO_ID}, **NAMED),
    row("TagResource", "a tag of AWS's own", ('addresses: [], tags: {"aws:x": y}',
        "does not begin with aws:"), "aws:", "WAFTagOperationException", arn,
        Tags=[{"Key": "aws:x", "Value": "y"}]),
    row("UntagResource", "a tag of AWS's own", "Plumbline takes away its own tags only", "aws:",
        "WAFTagOperationException", arn, TagKeys=["aws:x"]),
)  # fmt: skip


def sets(aws: boto3.Session, world: World) -> None:
    """A free one, and one that a web ACL refers to."""
    waf = aws.client("wafv2")
    made = {
        name: waf.create_ip_set(
            Name=name, Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"]
        )["Summary"]["ARN"]
        for name in ("set", "used")
    }
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "x"}
    rule = {
        "Name": "r", "Priority": 1, "Action": {"Block": {}}, "VisibilityConfig": seen,
        "Statement": {"IPSetReferenceStatement": {"ARN": made["used"]}},
    }  # fmt: skip
    waf.create_web_acl(
        Name="acl", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=seen,
        Rules=[rule],
    )  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("ip sets", sets))


def test_what_the_rows_change_something_of_is_taken() -> None:
    world = stage("ip sets", sets)
    aws = session_of(world)
    waf = aws.client("wafv2")
    held = token()(aws, world)
    new = waf.update_ip_set(**NAMED, **held, Addresses=["192.0.2.1/32"])["NextLockToken"]
    waf.delete_ip_set(**NAMED, Id=held["Id"], LockToken=new)


def test_every_write_is_refused_something() -> None:
    assert calls_of("IPSet") == {r.call for r in REFUSALS}
