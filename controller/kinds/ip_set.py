"""IPSet: addresses that rules of web ACLs refer to.

https://docs.aws.amazon.com/waf/latest/APIReference/API_IPSet.html
One AWS resource, found by its name and scope.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure, Stale
from controller.diff import Change, overlay
from controller.handler import (
    READY,
    Absent,
    Action,
    Found,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
    Unknown,
)
from controller.kept import under_token
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import tag_list, tags_of
from controller.kindlib.waf_limits import DESCRIPTION
from controller.kindlib.waf_reads import EDGE_REGION, list_sets, scopes_of, tags_at
from controller.kindlib.within import items, mapping
from controller.policies import CreateOnly, Doc, Unordered
from controller.references import escape
from controller.spec import Outputs, Taggable, holds_reference

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(value: str) -> Network | None:
    try:
        return ipaddress.ip_network(value, strict=False) if "/" in value else None
    except ValueError:
        return None


def _address(value: str) -> str:
    """A block in the shortest spelling; AWS writes IPv6 out in full (case 138)."""
    if holds_reference(value):
        return value
    network = _network(value)
    if network is None or network.prefixlen == 0:
        raise ValueError(
            "must be a CIDR block, but not /0 (192.0.2.0/24, 2001:db8::/56; one address is …/32 or "
            "…/128)"
        )
    return str(network)


Address = Annotated[str, AfterValidator(_address)]


class IPSetSpec(Taggable):
    """Addresses under one name, for `ipSet` in the rules of web ACLs."""

    scope: Annotated[Literal["REGIONAL", "CLOUDFRONT"], CreateOnly()] = "REGIONAL"
    """That of the web ACLs that refer to it. CLOUDFRONT only in an environment of us-east-1."""

    ip_address_version: Annotated[
        Literal["IPV4", "IPV6"], CreateOnly()
    ] = "IPV4"  # fmt: skip
    """What the addresses are: a set holds one version. AWS has no default; ours is IPV4."""

    description: Annotated[str, AfterValidator(DESCRIPTION)] | None = None
    """What it is for."""

    addresses: Annotated[
        list[Address], Unordered(cases=(138,)), Field(max_length=10_000)
    ]  # fmt: skip
    """CIDR blocks, or none of them. Atomic: those that others add are taken out."""

    @model_validator(mode="after")
    def _of_one_version(self) -> IPSetSpec:
        wanted = {"IPV4": 4, "IPV6": 6}.get(self.ip_address_version)
        for address in items(self.addresses):
            network = _network(address)
            if network is not None and wanted and network.version != wanted:
                raise ValueError(f"addresses: {address} is not of ipAddressVersion: "
                                 f"{self.ip_address_version}")  # fmt: skip
        return self


class IPSetOutputs(Outputs):
    """What others refer to."""

    arn: str
    """The set's ARN: what rules name (`ipSet: ${IPSet.<name>.arn}`)."""

    id: str
    """AWS's id of it."""


class IPSetHandler(Handler):
    """Knows IP sets."""

    kind = "IPSet"
    spec = IPSetSpec
    within = "scope"
    outputs = IPSetOutputs
    name_pattern = r"[\w\-]{1,128}"
    name_says = "1-128 letters, digits, _ or -"
    reads: ClassVar = (
        "wafv2:ListIPSets", "wafv2:GetIPSet", "wafv2:ListTagsForResource",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "wafv2:CreateIPSet", "wafv2:UpdateIPSet", "wafv2:DeleteIPSet", "wafv2:TagResource",
        "wafv2:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """One list a scope, then each set whose lock token moved.

        https://docs.aws.amazon.com/waf/latest/APIReference/API_ListIPSets.html
        """
        places = {t.key: _scopes(t) for t in targets}
        scopes = sorted({scope for each in places.values() for scope in each})
        names = {
            scope: {t.name for t in targets if scope in places[t.key]} for scope in scopes
        }  # fmt: skip
        lists = dict(zip(scopes, aws.gather(
            *(partial(_listed, aws, scope, names[scope]) for scope in scopes)), strict=True,
        ))  # fmt: skip
        found: dict[str, Observation] = {}
        there: list[tuple[Target, Doc]] = []
        for target in targets:
            summary, failed = _of(target, places[target.key], lists)
            if summary is not None:
                there.append((target, summary))
            else:
                found[target.key] = Unknown(failed) if failed else Absent()
        seen = aws.gather(*(partial(_whole, aws, target, summary) for target, summary in there))
        for (target, _), each in zip(there, seen, strict=True):
            found[target.key] = Unknown(str(each)) if isinstance(each, AwsFailure) else each
        return found

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        shown = doc["set"]
        spec: Doc = {
            "scope": doc["scope"], "tags": doc.get("tags", {}),
            "ipAddressVersion": shown["IPAddressVersion"],
            "addresses": sorted(_address(a) for a in shown.get("Addresses") or []),
        }  # fmt: skip
        if shown.get("Description"):
            spec["description"] = shown["Description"]
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        shown = doc["set"]
        return {"name": shown["Name"], "arn": doc["arn"], "id": shown["Id"]}

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["set"]["Id"])

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """UpdateIPSet replaces addresses and description: what is not changed is sent as AWS
        showed it, under the lock token of the look before (case 148)."""
        spec = target.spec
        if isinstance(observed, Absent):
            params: Doc = {
                "Name": target.name, "Scope": spec["scope"],
                "IPAddressVersion": spec["ipAddressVersion"], "Addresses": spec["addresses"],
                **_described(spec), "Tags": tag_list(target.tags),
            }  # fmt: skip
            return [Action("wafv2", "CreateIPSet", params, step="create", creates=True)]
        doc = observed.doc
        fields = by_field(changes)
        actions = []
        if todo := [*fields.get("addresses", []), *fields.get("description", [])]:
            merged = overlay(escape(self.to_spec(doc)), spec, todo)
            params = {**_named(doc), "Addresses": merged["addresses"], **_described(merged)}
            volatile = {"LockToken": doc["lockToken"]}
            actions.append(
                Action("wafv2", "UpdateIPSet", params, paths(todo), step="update",
                       volatile=volatile)
            )  # fmt: skip
        put, gone = tag_changes(fields.get("tags", []))
        if put:
            params = {"ResourceARN": doc["arn"], "Tags": tag_list(put)}
            done = paths([c for c in fields["tags"] if c.wanted is not None])
            actions.append(Action("wafv2", "TagResource", params, done, step="tag"))
        if gone:
            params = {"ResourceARN": doc["arn"], "TagKeys": gone}
            done = paths([c for c in fields["tags"] if c.wanted is None])
            actions.append(Action("wafv2", "UntagResource", params, done, step="untag"))
        return actions

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As usual; a lost race for the lock is `Stale` (case 148)."""
        try:
            reply = aws.write(action.service, action.operation, params)
        except AwsFailure as failure:
            if failure.failure == "stale":
                raise Stale(str(failure)) from None
            raise
        if not action.creates:
            return {}
        made = reply["Summary"]
        return {"name": made["Name"], "arn": made["ARN"], "id": made["Id"]}

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """AWS refuses while a rule refers to it."""
        return [
            Action(
                "wafv2", "DeleteIPSet", _named(observed.doc), risk="destructive", step="delete",
                deletes=True, volatile={"LockToken": observed.doc["lockToken"]},
            )
        ]  # fmt: skip

    def discover(self, aws: Aws) -> list[Found]:
        scopes = ("REGIONAL", "CLOUDFRONT") if aws.region == EDGE_REGION else ("REGIONAL",)
        return [Found(name, {"scope": s}) for s in scopes for name in list_sets(aws, s)]


def _named(doc: Mapping[str, Any]) -> Doc:
    return {"Name": doc["set"]["Name"], "Scope": doc["scope"], "Id": doc["set"]["Id"]}


def _described(spec: Mapping[str, Any]) -> Doc:
    """AWS takes no empty description: left out, there is none."""
    return {"Description": spec["description"]} if spec.get("description") else {}


def _scopes(target: Target) -> tuple[str, ...]:
    """Where it is declared, or was last made: it can't move."""
    before = mapping(target.last).get("scope")
    here = scopes_of(target)
    return (*here, before) if before and before not in here else here


def _listed(aws: Aws, scope: str, names: set[str]) -> dict[str, Doc]:
    if scope == "CLOUDFRONT" and aws.region != EDGE_REGION:
        where = f"IP sets of scope CLOUDFRONT live in {EDGE_REGION}, not in {aws.region}"
        raise AwsFailure("invalid", "Scope", where, "wafv2:ListIPSets")
    return list_sets(aws, scope, names)


def _of(target: Target, places: Sequence[str], lists: Mapping[str, Any]) -> tuple[Doc | None, str]:
    """The summary of a set, or why there may be one that was not seen."""
    for scope in places:
        if isinstance(lists[scope], AwsFailure):
            return None, str(lists[scope])
        if target.name in lists[scope]:
            return lists[scope][target.name] | {"Scope": scope}, ""
    return None, ""


def _whole(aws: Aws, target: Target, summary: Doc) -> Observation:
    """The set, its token and its tags. A token that did not change says that nothing did."""
    arn = summary["ARN"]

    def read() -> Doc:
        asked = {name: summary[name] for name in ("Name", "Scope", "Id")}
        reply = aws.read("wafv2", "GetIPSet", asked)
        return {"set": reply["IPSet"], "lockToken": reply.get("LockToken")}

    token = summary.get("LockToken")
    shown = under_token(aws, "", ("wafv2", "ip set", arn), token, read) if token else read()
    doc: Doc = {**shown, "scope": summary["Scope"], "arn": arn}
    try:
        return Present({**doc, "tags": tags_of(aws, target, arn, partial(tags_at, aws, arn))})
    except AwsFailure as failure:
        return Present(doc, {"tags": str(failure)})
