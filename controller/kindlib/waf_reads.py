"""Reading web ACLs: one list for all, then everything about each at the same time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from controller.aws import Aws, AwsFailure
from controller.handler import Absent, Observation, Present, Target, Unknown
from controller.kept import for_a_while, under_token
from controller.kindlib.reading import (
    ENVIRONMENT_TAG,
    RESOURCE_TAG,
    environment_of,
    tag_map,
    tags_of,
)  # fmt: skip
from controller.kindlib.waf_looks import look_at_capacity, look_for_others
from controller.policies import Doc
from controller.spec import holds_reference

EDGE_REGION = "us-east-1"
"""Where everything of scope CLOUDFRONT lives."""

_TYPES = {
    "elasticloadbalancing": "APPLICATION_LOAD_BALANCER",
    "apigateway": "API_GATEWAY",
    "appsync": "APPSYNC",
    "cognito-idp": "COGNITO_USER_POOL",
    "apprunner": "APP_RUNNER_SERVICE",
    "ec2": "VERIFIED_ACCESS_INSTANCE",
    "amplify": "AMPLIFY",
    "bedrock-agentcore": "AGENTCORE_GATEWAY",
}
"""Service in an ARN → what ListResourcesForWebACL calls it."""


OWN_TAGS = (ENVIRONMENT_TAG, RESOURCE_TAG)
_FORMS = (
    ("elasticloadbalancing", r"loadbalancer/app/.+"), ("apigateway", r"/restapis/[^/]+/stages/.+"),
    ("appsync", r"apis/.+"), ("cognito-idp", r"userpool/.+"), ("apprunner", r"service/.+"),
    ("ec2", r"verified-access-instance/.+"), ("amplify", r"apps/.+"),
    ("bedrock-agentcore", r"gateway/.+"),
)  # fmt: skip
"""https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html"""


def protectable(arn: str) -> str:
    """The ARN, if it is of something that a web ACL can be associated with."""
    service, _, resource = arn.removeprefix("arn:").partition(":")[2].partition(":")
    name = resource.split(":", 2)[-1]
    if holds_reference(arn) or any(s == service and re.fullmatch(f, name) for s, f in _FORMS):
        return arn
    raise ValueError(
        "found something that a web ACL can't protect, allowed: the ARN of an Application Load "
        "Balancer, a stage of a REST API, an AppSync API, a user pool, an App Runner service, a "
        "Verified Access instance, an Amplify app or an AgentCore gateway"
    )


def observe_acls(aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
    """All targets. What of one can't be read is named in its `Present.unknown`."""
    found: dict[str, Observation] = {}
    listed: dict[str, Doc] = {}
    for scope in ("REGIONAL", "CLOUDFRONT"):
        here = [t for t in targets if scope in scopes_of(t) and t.key not in {**found, **listed}]
        if here:
            _find(aws, scope, here, found, listed)
    _look_in_the_other_scope(aws, targets, found, listed)
    about = {t.key: t for t in targets if t.key in listed}
    read = _read(aws, listed, about)
    for key, target in about.items():
        found[key] = _observed(target, listed[key], read[key])
    look_for_others(aws, about, found)
    look_at_capacity(aws, about, found)
    return {t.key: found.get(t.key, Absent()) for t in targets}


def scopes_of(target: Target) -> tuple[str, ...]:
    """Where to look: as declared, or everywhere this region has where nothing says."""
    if "scope" in target.spec:
        return (target.spec["scope"],)
    return ("REGIONAL", "CLOUDFRONT") if target.region == EDGE_REGION else ("REGIONAL",)


def _find(
    aws: Aws,
    scope: str,
    targets: Sequence[Target],
    found: dict[str, Observation],
    listed: dict[str, Doc],
) -> None:
    if scope == "CLOUDFRONT" and aws.region != EDGE_REGION:
        reason = f"web ACLs of scope CLOUDFRONT live in {EDGE_REGION}, not in {aws.region}"
        found.update({t.key: Unknown(reason) for t in targets})
        return
    try:
        summaries = list_acls(aws, scope, {t.name for t in targets})
    except AwsFailure as failure:
        found.update({t.key: Unknown(str(failure)) for t in targets})
        return
    for target in targets:
        if target.name in summaries:
            listed[target.key] = summaries[target.name] | {"Scope": scope}


def _look_in_the_other_scope(
    aws: Aws, targets: Sequence[Target], found: dict[str, Observation], listed: dict[str, Doc]
) -> None:
    """What is not where it is declared may be ours all the same, of the scope declared before: that
    can't be changed in place, and a second one is not to be made."""
    gone = [
        t for t in targets
        if "scope" in t.spec and RESOURCE_TAG in t.tags and t.key not in {**found, **listed}
    ]  # fmt: skip
    if aws.region != EDGE_REGION or not gone:
        return
    for scope, other in (("REGIONAL", "CLOUDFRONT"), ("CLOUDFRONT", "REGIONAL")):
        moved = {t.name: t for t in gone if t.spec["scope"] == scope}
        try:
            there = list_acls(aws, other, moved) if moved else {}
            for name, target in moved.items():
                tags = tags_at(aws, there[name]["ARN"]) if name in there else {}
                if tags and all(tags.get(k) == target.tags.get(k) for k in OWN_TAGS):
                    listed[target.key] = there[name] | {"Scope": other}
        except AwsFailure as failure:
            found.update({t.key: Unknown(str(failure)) for t in moved.values()})


def list_acls(aws: Aws, scope: str, names: Iterable[str] = ()) -> dict[str, Doc]:
    """Summaries by name, at least those of `names`.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_ListWebACLs.html
    """
    return _listed(aws, "ListWebACLs", "WebACLs", scope, lambda acl: str(acl["Name"]), names)


def list_sets(aws: Aws, scope: str, names: Iterable[str] = ()) -> dict[str, Doc]:
    """Summaries of IP sets by name, at least those of `names`. Raises `AwsFailure`.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_ListIPSets.html
    """
    return _listed(aws, "ListIPSets", "IPSets", scope, lambda one: str(one["Name"]), names)


def _listed(
    aws: Aws, operation: str, items: str, scope: str, name: Callable[[Doc], str],
    wanted: Iterable[str],
) -> dict[str, Doc]:  # fmt: skip
    """A list of WAF's by name; stops when all that is wanted is found, for WAF shows a marker on
    full last pages."""
    wanted = set(wanted)
    found: dict[str, Doc] = {}
    request: Doc = {"Scope": scope, "Limit": 100}
    while True:
        reply = aws.read("wafv2", operation, request)
        page = reply.get(items) or []
        found.update({name(one): one for one in page})
        marker = reply.get("NextMarker")
        if not page or not marker or marker == request.get("NextMarker"):
            return found
        if wanted and wanted <= set(found):
            return found
        request["NextMarker"] = marker


def _read(aws: Aws, listed: dict[str, Doc], about: dict[str, Target]) -> dict[str, Doc]:
    jobs: list[tuple[str, str, Callable[[], Any]]] = []
    logging = _all_logging(aws, listed) if len(about) > 1 else None
    for key, target in about.items():
        summary = listed[key]
        arn = summary["ARN"]
        jobs.append((key, "acl", partial(_acl, aws, summary)))
        jobs.append((key, "logging", partial(_logging, aws, summary, logging)))
        jobs.append((key, "tags", partial(tags_of, aws, target, arn, partial(tags_at, aws, arn))))
        if summary["Scope"] == "REGIONAL":
            for kind in _types_of(target):
                jobs.append((key, f"resources {kind}", partial(_resources, aws, target, arn, kind)))
    answers = aws.gather(*(call for _, _, call in jobs))
    read: dict[str, Doc] = {key: {} for key in about}
    for (key, part, _), answer in zip(jobs, answers, strict=True):
        read[key][part] = answer
    return read


def _acl(aws: Aws, summary: Doc) -> Doc:
    """The web ACL and its token. A token that did not change says that nothing did (case 148)."""
    request = {"Name": summary["Name"], "Scope": summary["Scope"], "Id": summary["Id"]}

    def read() -> Doc:
        reply = aws.read("wafv2", "GetWebACL", request)
        return {"acl": reply["WebACL"], "lockToken": reply.get("LockToken")}

    token = summary.get("LockToken")
    if not token:
        return read()
    return under_token(aws, "", ("wafv2", "acl", summary["ARN"]), token, read)


def _all_logging(aws: Aws, listed: dict[str, Doc]) -> dict[str, dict[str, Doc] | AwsFailure]:
    """Scope → the logging configurations there by web ACL: one list instead of a call for each.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_ListLoggingConfigurations.html
    """
    arns: dict[str, set[str]] = {}
    for summary in listed.values():
        arns.setdefault(summary["Scope"], set()).add(summary["ARN"])
    answers = aws.gather(*(partial(_logging_of, aws, *each) for each in arns.items()))
    return dict(zip(arns, answers, strict=True))


def _logging_of(aws: Aws, scope: str, arns: set[str]) -> dict[str, Doc]:
    operation, items = "ListLoggingConfigurations", "LoggingConfigurations"
    return _listed(aws, operation, items, scope, lambda one: str(one["ResourceArn"]), arns)


def _logging(aws: Aws, acl: Doc, every: Mapping[str, dict[str, Doc] | AwsFailure] | None) -> Any:
    """A web ACL's logging configuration, if it has one; asked for unless `every` one is known."""
    arn = acl["ARN"]
    if every is not None:
        known = every[acl["Scope"]]
        if isinstance(known, AwsFailure):
            raise known
        return known.get(arn)
    try:
        reply = aws.read("wafv2", "GetLoggingConfiguration", {"ResourceArn": arn})
    except AwsFailure as failure:
        if failure.failure == "not-found":
            return None  # case 140: the exception means that there is none
        raise
    return reply.get("LoggingConfiguration")


def tags_at(aws: Aws, arn: str) -> dict[str, str]:
    """The tags of a web ACL or IP set, from WAF itself. Raises `AwsFailure`."""
    reply = aws.read("wafv2", "ListTagsForResource", {"ResourceARN": arn})
    return tag_map(reply.get("TagInfoForResource", {}).get("TagList"))


def _resources(aws: Aws, target: Target, arn: str, kind: str) -> list[str]:
    """What it protects, of one type: its lock token says nothing of that."""
    request = {"WebACLArn": arn, "ResourceType": kind}

    def read() -> list[str]:
        return list(aws.read("wafv2", "ListResourcesForWebACL", request).get("ResourceArns") or [])

    return for_a_while(aws, environment_of(target), ("wafv2", "resources", arn, kind), read)


def _types_of(target: Target) -> list[str]:
    """Kinds of resources to ask for: load balancers, and what is declared. All, to import."""
    if "scope" not in target.spec:
        return sorted(_TYPES.values())
    arns = target.spec.get("associations") or []
    asked = {_TYPES.get(a.split(":")[2]) for a in arns if a.startswith("arn:")}
    return sorted({"APPLICATION_LOAD_BALANCER", *(t for t in asked if t)})


def _observed(target: Target, summary: Doc, read: Doc) -> Observation:
    if isinstance(read["acl"], AwsFailure):
        return Unknown(str(read["acl"]))
    unknown: dict[str, str] = {}
    doc: Doc = {"scope": summary["Scope"], "arn": summary["ARN"], **read["acl"]}
    for part in ("logging", "tags"):
        if isinstance(read[part], AwsFailure):
            unknown[part] = str(read[part])
        else:
            doc[part] = read[part]
    lists = [v for k, v in read.items() if k.startswith("resources ")]
    failed = [v for v in lists if isinstance(v, AwsFailure)]
    if failed:
        unknown["associations"] = str(failed[0])
    else:
        doc["resources"] = sorted({arn for arns in lists for arn in arns})
    return Present(doc, unknown)
