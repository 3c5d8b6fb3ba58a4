"""WebACL: an AWS WAF web ACL with its rules, what it protects and where it logs.

https://docs.aws.amazon.com/waf/latest/APIReference/API_WebACL.html
Several API resources behind one manifest: the web ACL (found by name and scope), its associations
(found by asking for them) and its logging configuration (found by its ARN).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
)
from controller.kindlib.aws_shapes import check_shape
from controller.kindlib.planning import by_field, paths, tag_changes
from controller.kindlib.reading import tag_list
from controller.kindlib.waf_acl import (
    CENTRAL,
    FIELDS,
    REAL_MONEY,
    CustomResponseBody,
    Logging,
    ProtectedField,
    logging_from_aws,
    settings_from_aws,
)
from controller.kindlib.waf_calls import (
    associations,
    create,
    dissociate,
    logging_call,
    obstacle,
    update,
)
from controller.kindlib.waf_codec import in_raw, in_short, in_words, statement_of
from controller.kindlib.waf_limits import DESCRIPTION, problem
from controller.kindlib.waf_looks import holder_of
from controller.kindlib.waf_reads import (
    EDGE_REGION,
    list_acls,
    observe_acls,
    protectable,
)
from controller.kindlib.waf_rules import (
    OR_NONE,
    ChallengeImmunity,
    DefaultAction,
    EntityName,
    Immunity,
    MetricName,
    Rule,
    RuleStatement,
    with_baseline,
)
from controller.kindlib.waf_translate import wire
from controller.kindlib.whole import Whole
from controller.policies import (
    ActionOption,
    Canonical,
    CreateOnly,
    Doc,
    OwnedBy,
    ServerDefault,
    Situation,
    Unordered,
)
from controller.references import escape
from controller.spec import Arn, Outputs, Taggable, holds_reference, text


def _acl_name(situation: Situation, live: Any = "") -> Any:
    return None if live is None else situation.raw.get("acl", {}).get("Name")


def _monetization(config: dict[str, Any]) -> dict[str, Any]:
    check_shape("wafv2", "MonetizationConfig", config)
    return {k: v for k, v in config.items() if (k, v) != REAL_MONEY}


def _larger(limits: dict[str, str]) -> dict[str, str]:
    """The default, however it is spelled, is not said."""
    return {kind: limit for kind, limit in limits.items() if limit != "KB_16"}


class WebACLSpec(Taggable):
    """Which requests reach what stands behind it.

    Unless `baseline: false`, three groups of AWS's rules come with it, named `ip-reputation`
    (priority 100), `common` (200) and `known-bad-inputs` (300). Rules of your own are added to
    them; a rule of one of these names says only what is to differ, such as
    `common: {managedGroup: {count: [SizeRestrictions_BODY]}}`.
    """

    scope: Annotated[Literal["REGIONAL", "CLOUDFRONT"], CreateOnly()] = "REGIONAL"
    """REGIONAL for load balancers and APIs. CLOUDFRONT only in an environment of us-east-1;
    distributions name their web ACL themselves."""

    description: Annotated[str, AfterValidator(DESCRIPTION)] | None = None
    """What it is for."""

    default_action: DefaultAction = "allow"
    """What happens to requests that no rule decided on: allow, block, or `{type: block, …}`."""

    baseline: Annotated[bool, ActionOption()] = True
    """Add AWS's baseline groups to `rules`. AWS adds none; ours is yes."""

    rules: dict[EntityName, Annotated[Rule, Canonical(in_words)]] = Field(default_factory=dict)
    """Rules by name. Atomic: a rule that others add is removed, except those of Shield Advanced
    (case 129), which stay. Their order is that of their priorities (case 131)."""

    cloud_watch_metrics_enabled: bool = True
    """Count requests in CloudWatch. AWS has no default; ours is yes."""

    sampled_requests_enabled: bool = True
    """Keep samples of requests, without bodies. AWS has no default; ours is yes."""

    metric_name: Annotated[
        MetricName | None,
        ServerDefault(_acl_name),
        OwnedBy("the default", lambda *_: False, _acl_name),
    ] = None
    """Name of the metric. Default: the web ACL's name."""

    custom_response_bodies: dict[EntityName, CustomResponseBody] = Field(default_factory=dict)
    """Texts for custom responses, by key."""

    captcha_immunity_time: Annotated[Immunity | None, ServerDefault(300)] = None
    """Seconds that a solved CAPTCHA is good for. AWS's default: 300."""

    challenge_immunity_time: Annotated[ChallengeImmunity | None, ServerDefault(300)] = None
    """Seconds that a passed challenge is good for. AWS's default: 300."""

    token_domains: Annotated[list[str], Unordered()] = Field(default_factory=list)
    """Domains whose tokens are accepted besides the protected resource's own."""

    request_body: Annotated[
        dict[
            Literal[
                "CLOUDFRONT", "API_GATEWAY", "COGNITO_USER_POOL", "APP_RUNNER_SERVICE",
                "VERIFIED_ACCESS_INSTANCE", "AGENTCORE_GATEWAY",
            ],
            Literal["KB_16", "KB_32", "KB_48", "KB_64"],
        ],
        AfterValidator(_larger),
    ] = Field(default_factory=dict)  # fmt: skip
    """How much of a body is inspected, by kind of resource. AWS's default: KB_16; more costs more.
    Behind a load balancer it is always 8 KB."""

    alb_low_reputation_mode: Annotated[
        Literal["ACTIVE_UNDER_DDOS", "ALWAYS_ON"], ServerDefault("ACTIVE_UNDER_DDOS")
    ] = "ACTIVE_UNDER_DDOS"
    """When load balancers block sources of bad repute by themselves. AWS's default too."""

    challenge_sdk_injection: Annotated[list[Literal["CLOUDFRONT"]], Unordered()] = Field(
        default_factory=list
    )
    """`[CLOUDFRONT]`: distributions put the challenge's script into their HTML. Needs scope
    CLOUDFRONT and a group that reads tokens (Bot Control that is TARGETED, ATP, ACFP)."""

    monetization: Annotated[
        Any, Whole(lambda: dict[str, Any]), AfterValidator(_monetization), OR_NONE
    ] = Field(default_factory=dict)
    """Where AI bots pay to, for rules that `monetize`: in AWS's own words
    (`MonetizationConfig`). None by default."""

    data_protection: Annotated[
        list[Annotated[Any, Whole(lambda: ProtectedField)]], Field(max_length=26), Unordered()
    ] = Field(default_factory=list)
    """Parts of requests that are hashed or replaced wherever WAF shows them. None by default."""

    application_attributes: Annotated[
        dict[
            Annotated[str, AfterValidator(text(r"[\w-]{1,64}"))],
            Annotated[list[Annotated[str, AfterValidator(text(low=1, high=64))]],
                      Field(max_length=50), Unordered()],
        ]
        | None,
        Field(max_length=10),
    ] = None  # fmt: skip
    """What the console noted about the application; steers its suggestions only."""

    associations: Annotated[
        list[Annotated[Arn, AfterValidator(protectable)]] | None, Unordered()
    ] = None
    """ARNs of what it protects. Atomic: others are taken out of its protection. Unset: left alone.
    A resource that another web ACL protects is not taken from it: that stays Blocked. Load
    balancers are always looked at, other kinds only if one of them is declared here."""

    logging: Annotated[
        Logging | Literal["none"] | None, ServerDefault("none", cases=(140,)), CENTRAL
    ] = None
    """Full logs of requests. `none`: switched off. Unset: left alone."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("rules") or {}, dict):
            return data
        rules = data.get("rules") or {}
        if data.get("baseline", True) is True:
            rules = with_baseline(rules)
        named = {
            n: r if not isinstance(r, dict) or "metricName" in r else r | {"metricName": n}
            for n, r in rules.items()
        }
        return data | {"rules": named}

    @model_validator(mode="after")
    def _consistent(self) -> WebACLSpec:
        if self.scope == "CLOUDFRONT" and self.associations is not None:
            raise ValueError("scope CLOUDFRONT has no associations: distributions name their ACL")
        taken: dict[int | None, str] = {}
        for name, rule in self.rules.items():
            if rule.priority in taken and not holds_reference(rule.priority):
                raise ValueError(f"rules {taken[rule.priority]} and {name} share a priority")
            taken[rule.priority] = name
            if key := _unknown_body(rule.action, self.custom_response_bodies):
                raise ValueError(f"rule {name}: no customResponseBodies named {key}")
        if key := _unknown_body(self.default_action, self.custom_response_bodies):
            raise ValueError(f"defaultAction: no customResponseBodies named {key}")
        for domain in self.token_domains:
            if not holds_reference(domain) and not re.fullmatch(r"(?a)[\w.\-/]{1,253}", domain):
                raise ValueError(f"tokenDomains: {domain!r} is no domain")
        if wrong := problem(self.model_dump(by_alias=True, exclude_none=True, warnings=False)):
            raise ValueError(wrong)
        return self


def _unknown_body(action: Any, bodies: Mapping[str, Any]) -> str:
    response = action.get("customResponse", {}) if isinstance(action, dict) else {}
    key = response.get("customResponseBodyKey", "")
    return "" if not key or key in bodies or holds_reference(key) else str(key)


class WebACLOutputs(Outputs):
    """What others refer to."""

    arn: str
    """The web ACL's ARN: what a distribution names."""

    id: str
    """AWS's id of it."""


class WebACLHandler(Handler):
    """Knows web ACLs."""

    kind = "WebACL"
    spec = WebACLSpec
    within = "scope"
    outputs = WebACLOutputs
    name_pattern = r"[\w\-]{1,128}"
    name_says = "1-128 letters, digits, _ or -"
    reads: ClassVar = (
        "wafv2:ListWebACLs", "wafv2:GetWebACL", "wafv2:GetLoggingConfiguration",
        "wafv2:ListLoggingConfigurations",
        "wafv2:ListResourcesForWebACL", "wafv2:GetWebACLForResource",
        "wafv2:ListTagsForResource", "wafv2:CheckCapacity",
        "resourcegroupstaggingapi:GetResources",
    )  # fmt: skip
    writes: ClassVar = (
        "wafv2:CreateWebACL", "wafv2:UpdateWebACL", "wafv2:DeleteWebACL",
        "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL", "wafv2:PutLoggingConfiguration",
        "wafv2:DeleteLoggingConfiguration", "wafv2:TagResource", "wafv2:UntagResource",
    )  # fmt: skip

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        return observe_acls(aws, targets)

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        spec: Doc = {"scope": doc["scope"], "baseline": False, **settings_from_aws(doc["acl"])}
        if doc.get("resources"):
            spec["associations"] = list(doc["resources"])
        mine = (doc.get("logging") or {}).get("LogScope", "CUSTOMER") == "CUSTOMER"
        if doc.get("logging") and mine:  # other scopes are those of AWS's own services
            spec["logging"] = logging_from_aws(doc["logging"])
        return spec | {"tags": doc.get("tags", {})}

    def imported(self, doc: Mapping[str, Any]) -> Doc:
        """A statement that the model would refuse, for a value newer than it, is in AWS's words."""
        spec = self.to_spec(doc)
        shown = {rule["Name"]: rule for rule in doc["acl"].get("Rules") or []}
        for name, rule in spec.get("rules", {}).items():
            fits = RuleStatement.speaks(statement_of(rule))
            held = rule if fits else in_raw(rule, shown[name]["Statement"])
            spec["rules"][name] = in_short(held)
        return spec

    def readiness(self, doc: Mapping[str, Any]) -> Readiness:
        return READY

    def output(self, doc: Mapping[str, Any]) -> Doc:
        acl = doc["acl"]
        return {"name": acl["Name"], "arn": doc["arn"], "id": acl["Id"]}

    def identity(self, doc: Mapping[str, Any]) -> str:
        return str(doc["acl"]["Id"])

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """UpdateWebACL replaces everything: what is not changed is sent as AWS shows it, rules of
        Shield included (case 129), under the lock token of the look before (case 148). What the
        rules need is asked of AWS while it is looked at: too much is blocked. Then associations,
        added ones first, logging, and tags (case 149).
        """
        if isinstance(observed, Absent):
            return create(target)
        doc = observed.doc
        fields = by_field(changes)
        live = escape(self.to_spec(doc))
        actions = update(target, doc, live, [c for c in changes if c.top in FIELDS])
        if todo := fields.get("associations"):
            actions += associations(target, doc, paths(todo))
        if todo := fields.get("logging"):
            wanted = overlay(live, target.spec, todo)["logging"]
            logging = wanted if wanted != "none" else None
            current = escape(doc.get("logging"))
            actions.append(logging_call(logging, doc["arn"], current, paths(todo)))
        if todo := fields.get("tags"):  # no part of UpdateWebACL (case 149)
            put, gone = tag_changes(todo)
            if put:
                params: Doc = {"ResourceARN": doc["arn"], "Tags": tag_list(put)}
                done = paths([c for c in todo if c.wanted is not None])
                actions.append(Action("wafv2", "TagResource", params, done, step="tag"))
            if gone:
                params = {"ResourceARN": doc["arn"], "TagKeys": gone}
                done = paths([c for c in todo if c.wanted is None])
                actions.append(Action("wafv2", "UntagResource", params, done, step="untag"))
        return actions

    def obstacle(self, observed: Present, change: Change) -> str:
        return obstacle(observed.doc, change)

    def delete(self, target: Target, observed: Present) -> list[Action]:
        """What it protects is let go first: AWS deletes no web ACL that protects something."""
        doc = observed.doc
        actions = [
            dissociate(doc["arn"], arn, (), "destructive") for arn in doc.get("resources", [])
        ]
        params = {"Name": doc["acl"]["Name"], "Scope": doc["scope"], "Id": doc["acl"]["Id"]}
        gone = Action(
            "wafv2", "DeleteWebACL", params, risk="destructive", step="delete", deletes=True,
            after=tuple(a.step for a in actions), volatile={"LockToken": doc["lockToken"]},
        )  # fmt: skip
        return [*actions, gone]

    def apply(self, aws: Aws, target: Target, action: Action, params: Doc) -> Doc:
        """As usual; a lost race for the lock is `Stale` (case 148), and so is a resource that is
        in another web ACL's hands: AWS would move or release it without a word."""
        request = wire(params)
        if action.operation in ("AssociateWebACL", "DisassociateWebACL"):
            holder = holder_of(aws, request["ResourceArn"])
            if holder and holder != request["WebACLArn"]:
                raise Stale(f"{request['ResourceArn']} is associated with {holder}")
            if action.operation == "DisassociateWebACL":
                request.pop("WebACLArn")
        try:
            reply = aws.write(action.service, action.operation, request)
        except AwsFailure as failure:
            if failure.failure == "stale":
                raise Stale(str(failure)) from None
            raise
        return self.reply_output(action, reply)

    def reply_output(self, action: Action, reply: Mapping[str, Any]) -> Doc:
        if action.operation != "CreateWebACL":
            return {}
        made = reply["Summary"]
        return {"name": made["Name"], "arn": made["ARN"], "id": made["Id"]}

    def discover(self, aws: Aws) -> list[Found]:
        scopes = ("REGIONAL", "CLOUDFRONT") if aws.region == EDGE_REGION else ("REGIONAL",)
        return [Found(name, {"scope": s}) for s in scopes for name in list_acls(aws, s)]
