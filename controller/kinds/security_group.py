"""SecurityGroup: who may talk to what in a VPC.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroup.html
One AWS resource, found by its name and VPC. Its rules are parts of it: each that is not declared is
revoked, the one that AWS gives every new group (all outbound traffic) among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure
from controller.batching import batches
from controller.diff import Change, Entry, unresolved
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
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import (
    ENVIRONMENT_TAG,
    RESOURCE_TAG,
    all_unknown,
    environment_of,
    tag_list,
    tag_map,
)
from controller.kindlib.security_rules import (
    KEY,
    WORDS,
    SecurityRule,
    from_aws,
    key_of,
    most,
    to_aws,
    twice,
)
from controller.kindlib.within import items, known, mapping
from controller.policies import AnyWhenUndeclared, CreateOnly, Doc, Unordered
from controller.spec import Outputs, Taggable, text

MOST_NAMES = 200
"""Values that one filter takes."""
USUAL_RULES = 60
"""Rules in each direction for each address family, unless AWS has raised the account's quota:
https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"""
WORLD: tuple[Doc, ...] = (
    {"protocol": "all", "peer": "0.0.0.0/0"}, {"protocol": "all", "peer": "::/0"},
)  # fmt: skip
"""Outbound rules that AWS gives a new group (case 632), the second in a VPC with IPv6."""

VpcId = Annotated[
    str, AfterValidator(text(r"vpc-[0-9a-f]{8,17}", says="must be the id of a VPC (vpc-…)"))
]
Rules = Annotated[list[SecurityRule], Unordered(key=KEY, cases=(630, 631)), Field(max_length=1000)]
DESCRIPTION = text(
    rf"[{WORDS}]+", low=1, high=255, says="letters, digits, blanks and ._-:/()#,@[]+=&;{}!$* only"
)


class SecurityGroupSpec(Taggable):
    """Which traffic is let through to what is in the group, and from it; answers always are."""

    instead: ClassVar[Mapping[str, str]] = {
        "groupName": "the name is metadata.name, or metadata.externalName",
        "groupDescription": "write description",
        "securityGroupIngress": "write ingress",
        "securityGroupEgress": "write egress",
        "ipPermissions": "write ingress",
        "ipPermissionsEgress": "write egress",
    }

    vpc_id: Annotated[VpcId, CreateOnly()]
    """The VPC it is for."""

    description: Annotated[
        Annotated[str, AfterValidator(DESCRIPTION)] | None, AnyWhenUndeclared(), CreateOnly()
    ] = None
    """What the group is for; can't be changed. AWS demands one: ours names the manifest."""

    ingress: Rules = Field(default_factory=list)
    """Traffic that may come in. Atomic: a rule that others add is revoked. Default: none."""

    egress: Rules = Field(default_factory=list)
    """Traffic that may go out. Atomic, and none by default: AWS's own default, everything to
    everywhere, is revoked unless it is written (`{protocol: all, peer: 0.0.0.0/0}`)."""

    @model_validator(mode="after")
    def _each_once(self) -> SecurityGroupSpec:
        for direction, rules in (("ingress", self.ingress), ("egress", self.egress)):
            if key := twice(items(rules)):
                raise ValueError(f"{direction}: the rule {key} is there twice")
        return self


class SecurityGroupOutputs(Outputs):
    """What others refer to."""

    id: str
    """The group's id (sg-…): what services, databases, caches and rules of other groups name."""

    arn: str
    """ARN of the group."""

    vpc_id: str
    """The VPC it is in."""


DIRECTIONS = {"ingress": "Ingress", "egress": "Egress"}
SHOWN = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}


class SecurityGroupHandler(Handler):
    """Knows security groups. A VPC's default group is none of them: it is there by itself."""

    kind = "SecurityGroup"
    spec = SecurityGroupSpec
    outputs = SecurityGroupOutputs
    within = "vpcId"
    name_pattern = rf"(?!sg-)(?!(?i:default)$)[{WORDS}]{{0,254}}[{WORDS.replace(' ', '')}]"
    name_says = (
        "1-255 letters, digits, blanks (not at the end) or ._-:/()#,@[]+=&;{}!$*, not beginning "
        "with sg-, not default"
    )
    events_by_id = True
    reads: ClassVar = ("ec2:DescribeSecurityGroups",)
    writes: ClassVar = (
        "ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress",
        "ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupEgress", "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
        "ec2:UpdateSecurityGroupRuleDescriptionsEgress", "ec2:CreateTags", "ec2:DeleteTags",
        "ec2:DeleteSecurityGroup",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        """By name, in every VPC: which one is meant may not be known yet.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html
        """
        runs = list(batches(targets, MOST_NAMES))
        answers = aws.gather(*(partial(_groups, aws, [t.name for t in run]) for run in runs))
        found: dict[str, Observation] = {}
        for run, answer in zip(runs, answers, strict=True):
            if isinstance(answer, AwsFailure):
                found |= all_unknown(run, answer)
            else:
                found |= {t.key: _chosen(t, [g for g in answer if _named(g, t)]) for t in run}
        return found

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        group = doc["group"]
        spec: Doc = {"tags": tag_map(group.get("Tags"))}
        for field, member in (("vpcId", "VpcId"), ("description", "Description")):
            if group.get(member):
                spec[field] = group[member]
        for field, member in SHOWN.items():
            spec[field] = from_aws(group.get(member) or (), group)
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        group = doc["group"]
        return {
            "name": group["GroupName"], "id": group["GroupId"], "arn": doc["arn"],
            "vpcId": group.get("VpcId", ""),
        }  # fmt: skip

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["group"]["GroupId"])

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """What is missing is added before what it replaces is revoked: traffic is not cut.

        What replaces nothing is revoked first of all, so that nothing that goes wrong with another
        rule keeps a port open; and so is everything where both would be more than AWS holds. Our
        own tag comes before all: IAM lets us change groups that bear it (bootstrap/target.yaml).
        """
        if isinstance(observed, Absent):
            return _create(target)
        group = observed.doc["group"]
        live = self.to_spec(observed.doc)
        fields = by_field(changes)
        first: list[Action] = []
        then: list[Action] = []
        for field in DIRECTIONS:
            if todo := fields.get(field):
                sooner, later = _mend(target, group["GroupId"], field, live[field], todo)
                first += sooner
                then += later
        tags = _tags(group["GroupId"], fields.get("tags", []))
        claims = [each for each in tags if ENVIRONMENT_TAG in _put(each)]
        return [*claims, *first, *then, *(each for each in tags if each not in claims)]

    def obstacle(self, observed: Present, change: Change) -> str:
        """A rule that may be the one that waits for a reference is not revoked."""
        gone = change.wanted is None and change.top in DIRECTIONS
        return "kept until the group that another rule refers to is known" if gone else ""

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As planned; the outbound rules of a new group in the light of those that AWS gave it.

        AWS may not know yet, everywhere, of a group that it has just made.
        """
        if action.step == CLOSED or (action.step == OPENED and _AMBIGUOUS in params[
            "IpPermissions"]):  # fmt: skip
            params = _adjusted(_read(aws, params["GroupId"]), action.step, params)
            if not params["IpPermissions"]:
                return {}
        try:
            reply = aws.write(action.service, action.operation, params)
        except AwsFailure as failure:
            own = params.get("GroupId", "-")
            if failure.code == "InvalidGroup.NotFound" and own in failure.message:
                raise _early(failure) from None
            raise
        if not action.creates:
            return {}
        made = str(reply["GroupId"])
        arn = reply.get("SecurityGroupArn") or _arn(target, made)
        return {"name": target.name, "id": made, "arn": arn, "vpcId": params["VpcId"]}

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """AWS refuses while something is in the group, or a rule of another group names it."""
        params = {"GroupId": observed.doc["group"]["GroupId"]}
        return [
            Action(
                "ec2", "DeleteSecurityGroup", params, risk="destructive", step="delete",
                deletes=True,
            )
        ]  # fmt: skip

    def discover(self, aws: Aws) -> list[Found]:
        """All but each VPC's default group, which is nobody's."""
        groups = aws.pages("ec2", "DescribeSecurityGroups", "SecurityGroups")
        return [
            Found(g["GroupName"], {"vpcId": g.get("VpcId", "")})
            for g in groups
            if g["GroupName"] != "default"
        ]


# --- looking ---


def _groups(aws: Aws, names: Sequence[str]) -> list[Any]:
    """The groups of these names, which a filter may take for patterns: `*` stands in some."""
    filters = [{"Name": "group-name", "Values": sorted(set(names))}]
    return aws.pages("ec2", "DescribeSecurityGroups", "SecurityGroups", {"Filters": filters})


def _named(group: Mapping[str, Any], target: Target) -> bool:
    return bool(group["GroupName"] == target.name)


def _chosen(target: Target, groups: Sequence[Mapping[str, Any]]) -> Observation:
    """The one in the VPC that is meant, or in the one that it was last made in: it can't move."""
    wanted, before = known(target.spec.get("vpcId")), known(mapping(target.last).get("vpcId"))
    if wanted:
        for vpc in (wanted, before):
            for group in groups:
                if group.get("VpcId") == vpc:
                    return _present(target, group)
        return Absent()
    mine = [g for g in groups if _ours(target, tag_map(g.get("Tags")))] or list(groups)
    if len(mine) == 1 and (_ours(target, tag_map(mine[0].get("Tags"))) or not target.spec.get(
        "vpcId")):  # fmt: skip
        return _present(target, mine[0])
    if not mine:
        return Absent()
    places = ", ".join(sorted(str(g.get("VpcId")) for g in mine))
    return Unknown(f"{target.name} is in {places}, and which VPC is meant is not known yet")


def _ours(target: Target, tags: Mapping[str, str]) -> bool:
    mine = environment_of(target)
    return bool(mine) and {**target.tags, **tags} == tags and RESOURCE_TAG in target.tags


def _present(target: Target, group: Mapping[str, Any]) -> Present:
    arn = group.get("SecurityGroupArn") or _arn(target, group["GroupId"])
    return Present({"group": group, "arn": arn})


def _arn(target: Target, group_id: str) -> str:
    return target.arn("ec2", f"security-group/{group_id}")


def _read(aws: Aws, group_id: str) -> Mapping[str, Any]:
    try:
        reply = aws.read("ec2", "DescribeSecurityGroups", {"GroupIds": [group_id]})
    except AwsFailure as failure:
        if failure.failure == "not-found":
            raise _early(failure) from None
        raise
    group: Mapping[str, Any] = reply["SecurityGroups"][0]
    return group


def _early(failure: AwsFailure) -> AwsFailure:
    return AwsFailure("busy", failure.code, f"{failure.message} (yet)", failure.call)


# --- planning ---

OPENED, CLOSED = "open egress", "close egress"
"""Steps of a new group: its outbound rules added, those that AWS gave it revoked."""
_AMBIGUOUS: Doc = to_aws(WORLD[1:], "")[0]
"""What AWS gave the group, or did not: its VPC says which."""


def _create(target: Target) -> list[Action]:
    spec = target.spec
    params: Doc = {
        "GroupName": target.name,
        "Description": spec.get("description") or f"Plumbline: {target.key}",
        "VpcId": spec["vpcId"],
        "TagSpecifications": [
            {"ResourceType": "security-group", "Tags": tag_list(target.tags)}
        ],
    }  # fmt: skip
    made = "${self.id}"
    actions = [Action("ec2", "CreateSecurityGroup", params, step="create", creates=True)]

    def step(operation: str, rules: Iterable[Doc], name: str, *after: str) -> None:
        asked = to_aws(list(rules), made)
        if asked:
            request = {"GroupId": made, "IpPermissions": asked}
            field = "ingress" if operation.endswith("Ingress") else "egress"
            actions.append(
                Action("ec2", operation, request, (field,), step=name, after=("create", *after))
            )

    declared = {key_of(rule) for rule in spec["egress"]}
    step("AuthorizeSecurityGroupIngress", spec["ingress"], "open ingress")
    more = [rule for rule in spec["egress"] if key_of(rule) != key_of(WORLD[0])]
    step("AuthorizeSecurityGroupEgress", more, OPENED)
    given = [rule for rule in WORLD if key_of(rule) not in declared]
    step("RevokeSecurityGroupEgress", given, CLOSED)
    return actions


def _adjusted(group: Mapping[str, Any], step: str, params: Doc) -> Doc:
    """The request about outbound rules without what is so already."""
    there = {key_of(rule) for rule in from_aws(group.get("IpPermissionsEgress") or (), group)}

    def holds(permission: Doc) -> bool:
        return any(key_of(rule) in there for rule in from_aws([permission], group))

    wanted = [p for p in params["IpPermissions"] if holds(p) is (step == CLOSED)]
    return {**params, "IpPermissions": wanted}


def _mend(
    target: Target, group_id: str, field: str, live: list[Doc], todo: Sequence[Change]
) -> tuple[list[Action], list[Action]]:
    """(what to do at once, what to do after that) in one direction."""
    wanted = {key_of(rule): rule for rule in target.spec.get(field) or []}
    missing = [c for c in todo if len(c.parts) == 2 and c.wanted is not None]
    extra = [c for c in todo if len(c.parts) == 2 and c.wanted is None]
    described = [c for c in todo if len(c.parts) > 2]
    if any(unresolved(rule) for rule in wanted.values()):
        extra = [c for c in extra if not c.now["peer"].startswith(("sg-", "pl-"))]
    full = most([*live, *(c.wanted for c in missing)]) > USUAL_RULES
    added = {c.wanted["protocol"] for c in missing}
    related = [c for c in extra if not full and (added & {c.now["protocol"], "all"} or
               (added and c.now["protocol"] == "all"))]  # fmt: skip
    at_once = [c for c in extra if c not in related]

    def step(verb: str, changes: Sequence[Change], rules: Sequence[Doc], name: str) -> list[Action]:
        if not changes:
            return []
        operation = verb.replace("*", DIRECTIONS[field])
        request = {"GroupId": group_id, "IpPermissions": to_aws(rules, group_id)}
        return [Action("ec2", operation, request, paths(changes), step=f"{name} {field}")]

    revoke = "RevokeSecurityGroup*"
    first = step(revoke, at_once, [_bare(c.now) for c in at_once], "revoke")
    rules = [part for c in described if isinstance(part := c.parts[1], Entry)]
    texts = [wanted[str(rule.key)] for rule in rules]
    then = [
        *step("AuthorizeSecurityGroup*", missing, [c.wanted for c in missing], "authorize"),
        *step("UpdateSecurityGroupRuleDescriptions*", described, texts, "describe"),
        *step(revoke, related, [_bare(c.now) for c in related], "revoke replaced"),
    ]
    return first, then


def _bare(rule: Mapping[str, Any]) -> Doc:
    """Without its description, which AWS does not go by."""
    return {k: v for k, v in rule.items() if k != "description"}


def _put(action: Action) -> set[str]:
    """The keys of the tags that it gives."""
    tags = action.params["Tags"] if action.operation == "CreateTags" else ()
    return {tag["Key"] for tag in tags}


def _tags(group_id: str, todo: Sequence[Change]) -> list[Action]:
    put, gone = tag_changes(todo)
    actions = []
    if put:
        params: Doc = {"Resources": [group_id], "Tags": tag_list(put)}
        done = paths([c for c in todo if c.wanted is not None])
        actions.append(Action("ec2", "CreateTags", params, done, step="tag"))
    if gone:
        params = {"Resources": [group_id], "Tags": [{"Key": key} for key in gone]}
        done = paths([c for c in todo if c.wanted is None])
        actions.append(Action("ec2", "DeleteTags", params, done, step="untag"))
    return actions
