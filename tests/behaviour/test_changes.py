"""Change events: each wakes the environments that it touches, and says who it was.

S3's is proven end to end elsewhere; the others are samples in the form of AWS's pages.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto.events.models import EventPattern

from controller import changes
from controller.attribution import MEMBERS, Notes, author, moment, note, subjects
from controller.kinds import KINDS, handler_for
from controller.sessions import session
from controller.store import S3Store
from controller.timetable import Entry, record
from sandbox.world import CallRecord
from tests.permissions import load
from tests.plane import Plane, sample, small

EVENTS = Path(__file__).parents[2] / "events"
SAMPLES = sorted(path.stem for path in EVENTS.glob("*.json"))
CHANGES = [name for name in SAMPLES if name not in ("schedule", "sqs")]
CALLS = [name for name in CHANGES if name.startswith(("cloudtrail", "secretsmanager"))]
HERE = ("123456789012", "us-east-1")
IDS = {"sg-0123456789abcdef0": "shop"}
"""What events name by its id, as passes have learned it."""


def known(plane: Plane, *names: str) -> None:
    """Environments that have been looked at."""
    for name in names:
        plane.publish(small(name), name)
        record(plane.store, name, Entry(300))
    changes.learn(plane.store, plane.world.account, HERE[1], "shop", IDS)


def touched(event: dict[str, Any], *names: str) -> list[str]:
    """Whose an event is, of these environments of its place, without a control plane around."""
    own = changes.desired_state_of(event, "plumbline/")
    return [own] if own else changes.touched(changes.parse(event), names, IDS)


# --- what AWS sends, and whose it is ---


def test_every_sample_cites_its_page() -> None:
    page = (EVENTS / "README.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    cited = {name for row in rows for name in re.findall(r"`([\w-]+)\.json`", row)}
    assert cited == set(SAMPLES)
    assert all("https://docs.aws.amazon.com/" in row for row in rows)


VALUES = {
    "StateBucket": "plumbline-state", "RoleName": "plumbline", "ParameterPath": "plumbline/",
    "AWS::Region": "us-east-1",
}  # fmt: skip


def _filled(value: Any) -> Any:
    """A part of a template with its parameters in place."""
    if isinstance(value, dict):
        if "Ref" in value:
            return VALUES[value["Ref"]]
        if "Fn::Sub" in value:
            return re.sub(r"\$\{([\w:]+)\}", lambda m: VALUES[m[1]], value["Fn::Sub"])
        return {key: _filled(inner) for key, inner in value.items()}
    return [_filled(inner) for inner in value] if isinstance(value, list) else value


def rules() -> dict[str, dict[str, Any]]:
    """The event patterns by which AWS sends anything to Change."""
    found = {}
    for name, each in load("target")["Resources"].items():
        if each["Type"] == "AWS::Events::Rule":
            found[name] = _filled(each["Properties"]["EventPattern"])
    for name, each in load()["Resources"]["Change"]["Properties"]["Events"].items():
        if "EventBusName" not in each["Properties"]:  # the other one takes what is forwarded
            found[name] = _filled(each["Properties"]["Pattern"])
    return found


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """As EventBridge does it, as far as moto does."""
    found: bool = EventPattern.load(json.dumps(pattern)).matches_event(event)
    return found


def test_every_event_that_a_rule_lets_through_has_a_sample() -> None:
    events = [sample(name) for name in CHANGES]
    for name, pattern in rules().items():
        let_through = [e for e in events if matches(pattern, e)]
        for key in ("source", "detail-type"):
            assert {e[key] for e in let_through} == set(pattern[key]), (name, key)
    for name in CHANGES:
        assert any(matches(pattern, sample(name)) for pattern in rules().values()), name


def test_the_rules_leave_out_our_own_calls() -> None:
    for name in CALLS:
        ours = _by_role(sample(name), "plumbline-us-east-1-converge", "plumbline")
        assert not any(matches(pattern, ours) for pattern in rules().values()), name
        theirs = _by_role(sample(name), "admin", "plumbline")
        assert any(matches(pattern, theirs) for pattern in rules().values()), name


def _by_role(event: dict[str, Any], role: str, session: str) -> dict[str, Any]:
    account = event["account"]
    event["detail"]["userIdentity"] = {
        "type": "AssumedRole", "principalId": f"AROAIDPPEZS35WEXAMPLE:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}", "accountId": account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "userName": role}},
    }  # fmt: skip
    return event


SOURCES = {"application-autoscaling": "autoscaling", "cloudwatch": "monitoring"}
"""Services that CloudTrail's events have under other names."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_that_changes_a_kind_passes_a_rule(kind: str) -> None:
    for call in handler_for(kind).writes:
        service, _, operation = call.partition(":")
        event = sample("cloudtrail-put-metric-alarm")
        event["source"] = f"aws.{SOURCES.get(service, service)}"
        event["detail"] |= {"eventName": operation, "requestParameters": {"name": "shop-main"}}
        assert any(matches(pattern, event) for pattern in rules().values()), call


def test_what_tasks_agents_and_publishers_do_all_the_time_passes_no_rule() -> None:
    for source, operation, request in (
        ("ec2", "CreateNetworkInterface", {"groupSet": {"items": [{"groupId": "sg-1"}]}}),
        ("ssm", "UpdateInstanceInformation", {"instanceId": "i-1"}),
        ("ssm", "PutParameter", {"name": "/plumbline/environments/shop/0a1b/2"}),
        ("sns", "Publish", {"topicArn": "arn:aws:sns:us-east-1:1:shop-alerts"}),
        ("logs", "CreateLogStream", {"logGroupName": "shop-app"}),
    ):
        event = sample("cloudtrail-put-metric-alarm")
        event["source"] = f"aws.{source}"
        event["detail"] |= {"eventName": operation, "requestParameters": request}
        assert not any(matches(pattern, event) for pattern in rules().values()), operation


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_touches_one_environment_and_no_other(name: str) -> None:
    assert touched(sample(name), "shop", "shopping", "sho", "other") == ["shop"]


def test_changes_wake_what_they_touch_and_no_one_elsewhere(plane: Plane) -> None:
    known(plane, "shop", "shopping", "other")
    for name in CHANGES:
        event = sample(name)
        assert plane.change(event) == {"woken": ["shop"]}, name
        assert plane.value("ChangesHeard") == 1
        [*_, message] = plane.world.store("sqs")[plane.queue]["messages"]
        assert json.loads(message["body"])["environment"] == message["group"] == "shop"
        assert json.loads(message["body"])["reason"] == event["detail-type"]
    before = plane.waiting()
    for name in CHANGES:
        event = sample(name)
        if changes.desired_state_of(event, "plumbline/"):
            continue  # the bucket's and Parameter Store's are the control plane's own
        for elsewhere in ({"region": "eu-west-1"}, {"account": "999988887777"}):
            assert plane.change(event | elsewhere) == {"woken": []}, name
            assert plane.value("ChangesHeard") == 0
    assert plane.waiting() == before


@pytest.mark.parametrize(
    ("key", "whose"),
    [
        ("environments/shop.yaml", "shop"),
        ("pauses/shop.json", "shop"),
        ("registry.yaml", ""),
        ("accepted/shop.json", None),
        ("environments/shop.yaml.bak", None),
        ("environments/deep/shop.yaml", None),
        ("environments/../x.yaml", None),
        ("environments/two--hyphens.yaml", None),
        (f"environments/{'a' * 41}.yaml", None),
    ],
)
def test_whose_an_upload_is(key: str, whose: str | None) -> None:
    event = sample("s3-object-created")
    event["detail"]["object"]["key"] = key
    assert changes.desired_state_of(event, "plumbline/") == whose


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("/plumbline/environments/shop", "shop"),
        ("/plumbline/environments/shop/0a1b2c3d4e5f6071/2", None),
        ("/plumbline/shop/network/vpc", None),
        ("/other/environments/shop", None),
    ],
)
def test_whose_a_parameter_is(name: str, whose: str | None) -> None:
    event = sample("ssm-desired-state")
    event["detail"]["name"] = name
    assert changes.desired_state_of(event, "plumbline/") == whose


def test_a_new_registry_wakes_everybody(plane: Plane) -> None:
    known(plane, "shop", "other")
    event = sample("s3-object-created")
    event["detail"]["object"]["key"] = "registry.yaml"
    assert plane.change(event) == {"woken": ["other", "shop"]}


def named(event: dict[str, Any], name: str) -> dict[str, Any]:
    event = copy.deepcopy(event)
    event["detail"]["requestParameters"]["logGroupName"] = name
    return event


def test_names_of_another_kind_are_learned_and_forgotten(plane: Plane) -> None:
    event = sample("cloudtrail-put-retention-policy")
    text = small().replace("{name: app}", "{name: app, externalName: the-old-log}")
    plane.publish(text)
    plane.converge()
    assert plane.change(named(event, "the-old-log")) == {"woken": ["shop"]}
    assert plane.change(named(event, "the-older-log")) == {"woken": []}
    plane.upload(small())
    plane.drain()
    assert plane.change(named(event, "the-old-log")) == {"woken": []}


GROUP = """---
apiVersion: plumbline.dev/v1
kind: SecurityGroup
metadata: {{name: web}}
spec:
  vpcId: {vpc}
  ingress: [{{protocol: tcp, ports: 443, peer: 192.0.2.0/24}}]
"""


def test_a_group_is_found_and_its_changer_named_by_its_id(plane: Plane) -> None:
    """EC2's events of a group's rules have its id, and no name."""
    ec2 = plane.aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    plane.publish(small() + GROUP.format(vpc=vpc))
    plane.converge()
    plane.world.clock.advance(timedelta(minutes=2))
    filters = [{"Name": "group-name", "Values": ["shop-web"]}]
    [group] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    opened = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
              "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}  # fmt: skip
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[opened])
    event = sample("cloudtrail-authorize-security-group-ingress")
    assert plane.change(event) == {"woken": []}, "another's group"
    event["detail"]["requestParameters"]["groupId"] = group["GroupId"]
    event["detail"]["eventTime"] = plane.world.clock.now().isoformat()
    plane.world.clock.advance(timedelta(minutes=1))  # CloudTrail takes some
    assert plane.change(event) == {"woken": ["shop"]}
    plane.drain()
    plane.world.clock.advance(timedelta(minutes=1))  # reads may lag behind a write
    [group] = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    assert [p["FromPort"] for p in group["IpPermissions"]] == [443]
    told = plane.status()["resources"]["SecurityGroup/web"]
    assert told["lastDrift"]["by"].startswith("alice (AuthorizeSecurityGroupIngress, ")


@pytest.mark.parametrize(
    ("operation", "request_parameters"),
    [
        ("ModifySecurityGroupRules",
         {"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {}}}),
        ("CreateTags", {"resourcesSet": {"items": [{"resourceId": "sg-1"}]},
                        "tagSet": {"items": [{"key": "about", "value": "sg-2"}]}}),
        ("DeleteSecurityGroup", {"groupId": "sg-1"}),
    ],
)  # fmt: skip
def test_ec2_writes_what_a_call_is_about_in_forms_of_its_own(
    operation: str, request_parameters: dict[str, Any]
) -> None:
    detail = {"eventName": operation, "requestParameters": request_parameters}
    assert subjects(detail) == {"sg-1"}


def test_two_environments_of_one_account_learn_beside_each_other(plane: Plane) -> None:
    place = ("1", "us-east-1")
    changes.learn(plane.store, *place, "a", {"x", "y"})
    changes.learn(plane.store, *place, "b", {"z"})
    changes.learn(plane.store, *place, "a", {"y"})
    assert changes.names(plane.store, *place) == {"y": "a", "z": "b"}


# --- our own calls ---


REGISTRY = """\
apiVersion: plumbline.dev/v1
kind: Registry
spec: {default: {mode: enforce, convergeRole: teams/theirs}}
"""


def test_our_own_calls_wake_nobody_and_others_are_not_taken_for_ours(plane: Plane) -> None:
    """Whatever role the registry names; and a session may be called as anybody likes."""
    known(plane, "shop")
    event = sample("cloudtrail-update-service")
    own = "plumbline-us-east-1-converge"
    assert plane.change(_by_role(event, own, "plumbline")) == {"woken": []}
    assert plane.store.list("changes/") == []
    assert plane.change(_by_role(event, "admin", "plumbline")) == {"woken": ["shop"]}
    assert plane.change(_by_role(event, own, "mallory")) == {"woken": ["shop"]}
    assert plane.change(_by_role(event, "theirs", "plumbline")) == {"woken": ["shop"]}
    noted = plane.store.list("changes/")
    assert noted != []
    plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=REGISTRY.encode())
    assert plane.change(_by_role(event, "theirs", "plumbline")) == {"woken": []}
    assert plane.store.list("changes/") == noted


def test_steady_passes_and_their_healing_cause_no_passes(plane: Plane) -> None:
    """Neither what a pass writes to the bucket, nor what CloudTrail records of its calls."""
    plane.publish(small(interval="1m"))
    plane.converge()
    plane.tamper()
    begun = len(plane.world.calls)
    for _ in range(3):
        plane.tick()
    calls = [c for c in plane.world.calls[begun:] if (c.service, c.operation) == ("s3", "Put")]
    put = {c.params["Key"].lstrip("/").removeprefix(plane.bucket).lstrip("/") for c in calls}
    assert put
    for key in put:
        event = sample("s3-object-created")
        event["detail"]["object"]["key"] = key
        assert changes.desired_state_of(event, "plumbline/") is None, key
        assert not any(matches(pattern, event) for pattern in rules().values()), key
    written = [c for c in plane.world.calls if c.writes and c.access_key in plane.world.sessions]
    assert {c.service for c in written} == {"logs", "cloudwatch"}
    waiting = plane.waiting()
    for made in written:
        event = recorded(made, plane.world.sessions[made.access_key])
        assert not any(matches(pattern, event) for pattern in rules().values()), made.name
        assert plane.change(event) == {"woken": []}, made.name
        assert plane.change(_by_role(event, "admin", "plumbline")) == {"woken": ["shop"]}
    assert plane.waiting() == waiting + len(written), "the others'"


def recorded(call: CallRecord, session: dict[str, str]) -> dict[str, Any]:
    """What CloudTrail records of a call of a role's session."""
    event = _by_role(
        sample("cloudtrail-put-metric-alarm"),
        session["RoleArn"].rpartition("/")[2], session["RoleSessionName"],
    )  # fmt: skip
    event |= {"account": call.account, "region": call.region}
    event["source"] = {"cloudwatch": "aws.monitoring"}.get(call.service, f"aws.{call.service}")
    request = {name[0].lower() + name[1:]: value for name, value in call.params.items()}
    event["detail"] |= {"eventName": call.operation, "requestParameters": request}
    return event


# --- who it was ---


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("cloudtrail-put-retention-policy", "alice"),
        (
            "cloudtrail-modify-db-instance",
            "alice@example.com as role AWSReservedSSO_Administrator_0123456789abcdef",
        ),
        ("cloudtrail-update-web-acl", "bob as role ci (session deploy)"),
        ("secretsmanager-rotation-succeeded", "secretsmanager.amazonaws.com"),
    ],
)
def test_who_it_was_is_told_by_the_identity_alone(name: str, person: str) -> None:
    """Not by anything that a caller can write into a call."""
    event = sample(name)
    event["detail"]["requestParameters"] = {
        "userIdentity": {"arn": "arn:aws:iam::1:user/eve", "userName": "eve", "type": "IAMUser"},
        "userName": "eve", "principalId": "eve",
    }  # fmt: skip
    event["detail"] |= {"userAgent": "eve", "who": "eve", "principalId": "eve"}
    who = changes.parse(event).who
    assert who.person == person
    identity = event["detail"]["userIdentity"]
    assert who.principal == identity.get("arn", identity.get("invokedBy"))


@pytest.mark.parametrize(
    ("identity", "person"),
    [
        ({"type": "Root", "accountId": "1", "arn": "arn:aws:iam::1:root"}, "root of 1"),
        (
            {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"},
            "autoscaling.amazonaws.com",
        ),
        (
            {"type": "IAMUser", "userName": "a\x1b[2J\u202eb", "arn": "arn:aws:iam::1:user/a",
             "invokedBy": "cloudformation.amazonaws.com"},
            "a?[2J?b through cloudformation.amazonaws.com",
        ),
        ({"type": "AWSAccount", "principalId": "AIDA", "accountId": "2"}, "AIDA"),
        ({"type": "New", "arn": "arn:aws:new::1:thing"}, "arn:aws:new::1:thing"),
        ({"type": "AssumedRole", "principalId": "AROA:x"}, "AROA:x"),
        (
            {"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/Admin"},
            "somebody as role Admin",
        ),
        ({}, ""), (None, ""), ("alice", ""), ([], ""),
    ],
)  # fmt: skip
def test_who_it_was_is_readable(identity: Any, person: str) -> None:
    assert author(identity).person == person


def test_who_made_it_is_noted_with_what_it_changed(plane: Plane) -> None:
    known(plane, "shop")
    noted: set[str] = set()
    for name in CALLS:
        event = sample(name)
        plane.change(event)
        plane.change(event)  # AWS sends some twice
        [key] = set(plane.store.list("changes/shop/")) - noted
        noted.add(key)
        found = plane.store.get(key)
        assert found is not None
        assert found.json["principal"] == author(event["detail"]["userIdentity"]).principal
        assert found.json["what"] == event["detail"]["eventName"]
        assert found.json["at"] == "2026-11-02T09:04:10+00:00"
        of_ours = re.compile(r"shop-[a-z]+|sg-[0-9a-f]+")
        [physical] = {n for n in found.json["names"] if of_ours.fullmatch(n)}
        at = moment(found.json["at"])
        assert at is not None
        told = Notes(plane.store, "shop").of({"x", physical}, at - timedelta(minutes=5), at)
        assert told is not None, name
        assert told.by.endswith(f"({event['detail']['eventName']}, 2026-11-02T09:04:10+00:00)")
        plane.s3.delete_object(Bucket=plane.bucket, Key=key)
        noted.discard(key)


def test_what_stands_in_a_tag_is_no_evidence() -> None:
    """Else whoever names a resource in a description would be taken for who changed it."""
    event = sample("cloudtrail-put-retention-policy")
    event["detail"]["requestParameters"] |= {
        "tags": {"about": "shop-main"}, "description": "shop-main", "rules": [{"name": "shop-x"}],
    }  # fmt: skip
    change = changes.parse(event)
    assert {"shop-main", "shop-x"} <= change.words
    assert change.names == {"shop-app"}


def test_a_service_is_no_change_of_its_cluster() -> None:
    assert changes.parse(sample("cloudtrail-update-service")).names == {"shop-web"}


def test_a_call_that_aws_refused_wakes_and_blames_nobody(plane: Plane) -> None:
    known(plane, "shop")
    event = sample("cloudtrail-update-service")
    event["detail"] |= {"errorCode": "AccessDenied", "errorMessage": "not allowed"}
    assert plane.change(event) == {"woken": []}
    assert plane.store.list("changes/") == []


def test_every_call_that_changes_what_we_manage_says_what() -> None:
    """By the members of AWS's own models, as CloudTrail writes them."""
    loader = session().get_component("data_loader")
    for kind in KINDS:
        for call in handler_for(kind).writes:
            service, _, operation = call.partition(":")
            model = loader.load_service_model(service, "service-2")
            shape = model["operations"][operation]["input"]["shape"]
            members = {name.lower() for name in model["shapes"][shape]["members"]}
            nested = members & {"loggingconfiguration", "resources"}  # EC2's tags: by id
            assert members & MEMBERS or nested, call


def _told(store: S3Store, at: str, *, id: str = "1", name: str = "shop-app") -> None:
    who = author({"type": "IAMUser", "userName": id, "arn": f"arn:aws:iam::1:user/{id}"})
    when = moment(at)
    assert when is not None
    note(store, "shop", id=id, at=when, who=who, what="X", names=frozenset({name}))


def test_notes_come_in_any_order_and_the_last_before_the_drift_counts(plane: Plane) -> None:
    for id, at in (("c", "12:20"), ("a", "12:00"), ("b", "12:10"), ("d", "12:30")):
        _told(plane.store, f"2026-11-02T{at}:00+00:00", id=id)
    _told(plane.store, "2026-11-02T12:19:00+00:00", id="other", name="shop-web")
    seen, drift = moment("2026-11-02T12:05:00Z"), moment("2026-11-02T12:25:00Z")
    assert seen is not None
    assert drift is not None
    told = Notes(plane.store, "shop").of({"shop-app"}, seen, drift)
    assert told is not None
    assert told.by == "c (X, 2026-11-02T12:20:00+00:00)"
    assert told.principal == "arn:aws:iam::1:user/c"
    assert Notes(plane.store, "shop").of({"shop-app"}, drift, drift) is None
    assert Notes(plane.store, "shop").of({"shop-appendix"}, seen, drift) is None


# --- what nobody understands ---


def _deep() -> Any:
    it: Any = "shop-app"
    for _ in range(50_000):
        it = [it]
    return it


FORMS: dict[str, Callable[[], Any]] = {
    "empty": dict,
    "no map": lambda: "shop-app",
    "a list": lambda: [{"requestParameters": {"logGroupName": "shop-app"}}],
    "nothing": lambda: None,
    "parts of other types": lambda: {
        "requestParameters": None, "userIdentity": "?", "eventTime": 7, "eventName": ["x"],
        "object": "?", "bucket": 1, "resources": 5, "responseElements": {"a": [1, None, {}]},
    },
    "impossible times": lambda: {"eventTime": "0001-01-01T00:00:00+14:00", "userIdentity": {}},
    "a deep one": lambda: {"requestParameters": _deep()},
    "a large one": lambda: {"requestParameters": {"tags": [f"x{n}" for n in range(60_000)]},
                            "userIdentity": {"arn": "a" * 200_000, "type": "IAMUser"}},
}  # fmt: skip


def test_an_event_of_a_form_that_nobody_knows_harms_nothing(plane: Plane) -> None:
    known(plane, "shop")
    for name, detail in FORMS.items():
        for source in ("aws.new", "aws.s3", "aws.ssm", "aws.ecs"):
            event = {"source": source, "account": HERE[0], "region": HERE[1], "resources": None,
                     "detail-type": "New", "id": "../../x", "time": "then",
                     "detail": detail()}  # fmt: skip
            woken = plane.change(event, whole=True)["woken"]
            assert woken in ([], ["shop"]), name
            assert plane.value("ChangesHeard") == bool(woken)
    broken: dict[str, Any]
    for broken in ({}, {"source": None, "detail": []}):
        assert plane.change(broken, whole=True) == {"woken": []}
    assert all(re.fullmatch(r"changes/shop/[\w-]+\.json", k) for k in plane.store.list("changes/"))


def test_what_fills_an_event_hides_no_name() -> None:
    event = sample("cloudtrail-put-retention-policy")
    event["detail"]["requestParameters"] = {
        **{f"a{n}": f"word{n}" for n in range(9_000)}, "logGroupName": "shop-app",
        **{f"z{n}": f"word{n}" for n in range(9_000)},
    }  # fmt: skip
    assert touched(event, "shop") == ["shop"]
    assert len(changes.parse(event).words) <= changes.MOST_WORDS + 10
    assert subjects(event["detail"]) == {"shop-app"}


def test_a_broken_registry_is_told_and_no_error_loop(plane: Plane) -> None:
    known(plane, "shop")
    plane.s3.put_object(Bucket=plane.bucket, Key="registry.yaml", Body=b"kind: [")
    assert plane.change(sample("rds-db-instance")) == {"woken": []}
    [told] = plane.said("no registry")
    assert told["level"] == "ERROR"
    assert "registry.yaml:2" in told["reason"]


def test_what_the_queue_refuses_is_tried_again_by_lambda(plane: Plane) -> None:
    known(plane, "shop")
    plane.world.fault("deny", "sqs:SendMessageBatch", times=9)
    with pytest.raises(Exception, match="AccessDenied"):
        plane.change(sample("rds-db-instance"))
