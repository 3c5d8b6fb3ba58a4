"""Cases 151 to 163 and 601 to 614, those of all kinds (164, 165), and secrets in 67, 82, 84."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from botocore.model import Shape

from controller.assess import Assessment
from controller.kinds import KINDS, handler_for
from controller.kinds.alarm import AlarmHandler
from controller.manifest import DesiredStateError, load
from controller.reconciler import Report
from tests.fidelity.cases.alarm_estate import (
    NAME,
    SECRETS,
    TOPIC,
    Deed,
    Estate,
    estate,
)
from tests.harness import environment, resource
from tests.perturbation.bench import Bench
from tests.perturbation.full import FULL


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def of(table: dict[str, Any], way: str) -> Any:
    """A parameter for each row, marked with its cases."""
    return pytest.mark.parametrize(
        "name",
        [
            pytest.param(name, marks=[pytest.mark.case(n, way) for n in row[0]])
            for name, row in table.items()
        ],
    )


def account_policy(document: str) -> Deed:
    """An account-level retention policy, a day later."""

    def deed(e: Estate) -> None:
        e.logs.put_account_policy(
            policyName="ours-all", policyType="RETENTION_POLICY", policyDocument=document
        )
        e.later(90_000)

    return deed


def key_by(spelling: str) -> Deed:
    """Somebody's UpdateSecret with another spelling of the key it has."""
    return lambda e: e.secrets.update_secret(
        SecretId=f"{NAME}-main", KmsKeyId={"id": e.key, "arn": e.key_arn}[spelling]
    )


def put_with_tags(e: Estate) -> None:
    e.put("plain", Tags=[{"Key": "plumbline:environment", "Value": "theirs"}])
    assert "theirs" not in str(e.cloudwatch.list_tags_for_resource(
        ResourceARN=e.alarm("plain")["AlarmArn"]))  # fmt: skip


def unsaid(name: str, *members: str) -> Deed:
    """An old alarm, or an old reply: AWS leaves members out."""

    def deed(e: Estate) -> None:
        for member in members:
            e.stored("Alarm", name).pop(member, None)

    return deed


def said(kind: str, name: str, **members: Any) -> Deed:
    """AWS shows this of a thing."""
    return lambda e: e.stored(kind, name).update(members)


def without_return_data(e: Estate) -> None:
    for query in e.stored("Alarm", "math")["Metrics"]:
        if query["Id"] == "rate":
            del query["ReturnData"]


def with_metrics_said(**members: Any) -> Deed:
    def deed(e: Estate) -> None:
        for query in e.stored("Alarm", "math")["Metrics"]:
            query.update({k: v for k, v in members.items() if k not in query})

    return deed


def rotates_by_itself(e: Estate) -> None:
    before = e.secret("rotated")["LastChangedDate"]
    e.later(11 * 86_400)
    after = e.secret("rotated")
    assert after["LastChangedDate"] > before
    assert after["RotationRules"]["AutomaticallyAfterDays"] == 10


ECHOES: dict[str, tuple[tuple[int, ...], Deed]] = {
    "treat missing data shown or not": ((151,), unsaid("plain", "TreatMissingData")),
    "treat missing data said": ((151,), said("Alarm", "math", TreatMissingData="missing")),
    "actions enabled": (
        (153,), lambda e: e.cloudwatch.enable_alarm_actions(AlarmNames=[f"{NAME}-plain"])),
    "actions enabled not shown": ((153,), unsaid("plain", "ActionsEnabled")),
    "dimensions the other way round": (
        (154,), lambda e: e.stored("Alarm", "plain")["Dimensions"].reverse()),
    "no dimensions, empty": ((154, 165), said("Alarm", "percentile", Dimensions=[])),
    "no metrics, empty": ((157, 165), said("Alarm", "plain", Metrics=[])),
    "metrics the other way round": (
        (157,), lambda e: e.stored("Alarm", "math")["Metrics"].reverse()),
    "return data not said": ((157,), without_return_data),
    "no unit, empty": ((159,), said("Alarm", "plain", Unit="")),
    "another state": (
        (160,), lambda e: e.cloudwatch.set_alarm_state(
            AlarmName=f"{NAME}-plain", StateValue="ALARM", StateReason="test")),
    "an evaluation that failed": (
        (160,), said("Alarm", "query", EvaluationState="EVALUATION_ERROR", StateReasonData="{}")),
    "tags in another's PutMetricAlarm": ((162,), put_with_tags),
    "actions the other way round": (
        (601,), lambda e: e.stored("Alarm", "plain")["AlarmActions"].reverse()),
    "an action kept twice": (
        (601,), said("Alarm", "plain", AlarmActions=[TOPIC.format(n) for n in "aba"])),
    "percentiles spelled otherwise": ((602,), said("Alarm", "percentile",
                                                   ExtendedStatistic="p90")),
    "and again": ((602,), said("Alarm", "percentile", ExtendedStatistic="p90.0")),
    "all datapoints": ((603,), said("Alarm", "plain", DatapointsToAlarm=3)),
    "labels": ((604,), with_metrics_said(Label="Metric")),
    "its own account": (
        (605,), lambda e: with_metrics_said(AccountId=e.world.account)(e)),
    "a sliding window": ((606,), said("Alarm", "band", EvaluationWindow={"SlidingWindow": {}})),
    "low samples": (
        (607,), said("Alarm", "percentile", EvaluateLowSampleCountPercentile="evaluate")),
    "low samples, empty": (
        (607, 165), said("Alarm", "percentile", EvaluateLowSampleCountPercentile="")),
    "a policy of the account": (
        (608,), account_policy('{"retentionInDays": 90, "enforcementMode": "RETROACTIVE"}')),
    "a policy without end": (
        (608,),
        account_policy('{"retentionInDays": "NEVER_EXPIRE", "enforcementMode": "RETROACTIVE"}')),
    "AWS's own retention": ((609,), lambda e: e.group("delivery")["retentionInDays"] == 2),
    "older replies": ((610,), lambda e: e.back(seed=3)),
    "newer replies": ((610, 151, 603, 604, 605, 606), lambda e: e.back(seed=2)),
    "its key by its id": ((67,), key_by("id")),
    "its key by its ARN": ((67,), key_by("arn")),
    "a new value": (
        (82,), lambda e: e.secrets.put_secret_value(
            SecretId=f"{NAME}-main", SecretString="somebody-elses")),
    "a rotation": ((82, 611), rotates_by_itself),
    "AWS's own key, by its alias": (
        (612,), lambda e: e.secrets.update_secret(
            SecretId=f"{NAME}-daily", KmsKeyId="alias/aws/secretsmanager")),
    "AWS's own key, by nothing": (
        (612, 165), lambda e: e.secrets.update_secret(SecretId=f"{NAME}-daily", KmsKeyId="")),
}  # fmt: skip


@of(ECHOES, "echo")
def test_what_aws_makes_of_it_is_no_drift(e: Estate, name: str) -> None:
    ECHOES[name][1](e)
    report = e.quiet()
    assert set(e.told(report).values()) <= {"owned"}


def metrics(e: Estate, name: str, query: str, **changed: Any) -> None:
    """Somebody's PutMetricAlarm with another entry of its metrics."""
    queries = [{**q, **changed} if q["Id"] == query else q for q in e.alarm(name)["Metrics"]]
    e.put(name, Metrics=queries)


def dimensions(e: Estate, **wanted: str) -> None:
    e.put("plain", Dimensions=[{"Name": k, "Value": v} for k, v in wanted.items()])


PUT = ["PutMetricAlarm"]
CHANGES: dict[str, tuple[tuple[int, ...], Deed, str, str, list[str]]] = {
    "missing data breaches": (
        (151,), lambda e: e.put("plain", TreatMissingData="breaching"), "Alarm/plain",
        "treatMissingData", PUT),
    "missing data as AWS would": (
        (151,), lambda e: e.put("percentile", "TreatMissingData"), "Alarm/percentile",
        "treatMissingData", PUT),
    "actions switched off": (
        (153,), lambda e: e.cloudwatch.disable_alarm_actions(AlarmNames=[f"{NAME}-plain"]),
        "Alarm/plain", "actionsEnabled", ["EnableAlarmActions"]),
    "another dimension": (
        (154,), lambda e: dimensions(e, ClusterName="main", ServiceName="other"), "Alarm/plain",
        "dimensions[ServiceName]", PUT),
    "a dimension more": (
        (154,), lambda e: dimensions(e, ClusterName="main", ServiceName="gateway", Zone="a"),
        "Alarm/plain", "dimensions[Zone]", PUT),
    "a dimension fewer": (
        (154, 165), lambda e: dimensions(e, ClusterName="main"), "Alarm/plain",
        "dimensions[ServiceName]", PUT),
    "another label": (
        (604,), lambda e: metrics(e, "math", "rate", Label="other"), "Alarm/math",
        "metrics[rate].label", PUT),
    "another account's metric": (
        (605,), lambda e: metrics(e, "math", "errors", AccountId="210987654321"), "Alarm/math",
        "metrics[errors].accountId", PUT),
    "another calculation": (
        (157,), lambda e: metrics(e, "math", "rate", Expression="errors"), "Alarm/math",
        "metrics[rate].expression", PUT),
    "a metric more": (
        (157,), lambda e: e.put("math", Metrics=[*e.alarm("math")["Metrics"], {
            "Id": "more", "Expression": "errors * 2", "ReturnData": False}]),
        "Alarm/math", "metrics[more]", PUT),
    "another unit": (
        (159,), lambda e: e.put("percentile", Unit="Milliseconds"), "Alarm/percentile", "unit",
        PUT),
    "no unit": ((159,), lambda e: e.put("percentile", "Unit"), "Alarm/percentile", "unit", PUT),
    "a threshold, while it rings": (
        (160, 161), lambda e: (
            e.put("plain", Threshold=81), e.cloudwatch.set_alarm_state(
                AlarmName=f"{NAME}-plain", StateValue="ALARM", StateReason="test")),
        "Alarm/plain", "threshold", PUT),
    "an ownership tag": (
        (162, 164), lambda e: e.cloudwatch.tag_resource(
            ResourceARN=e.alarm("plain")["AlarmArn"],
            Tags=[{"Key": "plumbline:resource", "Value": "Alarm/other"}]),
        "Alarm/plain", "tags[plumbline:resource]", ["TagResource"]),
    "another action": (
        (601,), lambda e: e.put("plain", AlarmActions=[TOPIC.format(n) for n in "ac"]),
        "Alarm/plain", "alarmActions", PUT),
    "another percentile": (
        (602,), lambda e: e.put("percentile", ExtendedStatistic="p90.5"), "Alarm/percentile",
        "extendedStatistic", PUT),
    "another percentile of a metric": (
        (602,), lambda e: metrics(e, "math", "all", MetricStat={
            **next(q for q in e.alarm("math")["Metrics"] if q["Id"] == "all")["MetricStat"],
            "Stat": "p9.5"}),
        "Alarm/math", "metrics[all].stat", PUT),
    "more periods": (
        (603,), lambda e: e.put("plain", EvaluationPeriods=4), "Alarm/plain", "evaluationPeriods",
        PUT),
    "another retention": (
        (608,), lambda e: e.logs.put_retention_policy(
            logGroupName=f"{NAME}-app", retentionInDays=7),
        "LogGroup/app", "retentionInDays", ["PutRetentionPolicy"]),
    "retention where there is none": (
        (608,), lambda e: e.logs.put_retention_policy(
            logGroupName=f"{NAME}-forever", retentionInDays=30),
        "LogGroup/forever", "retentionInDays", ["DeleteRetentionPolicy"]),
    "another key": (
        (67, 612), lambda e: e.secrets.update_secret(
            SecretId=f"{NAME}-main", KmsKeyId=e.other_key),
        "Secret/main", "kmsKeyId", ["UpdateSecret"]),
    "AWS's own key instead": (
        (67, 612), lambda e: e.secrets.update_secret(SecretId=f"{NAME}-main", KmsKeyId=""),
        "Secret/main", "kmsKeyId", ["UpdateSecret"]),
    "the description, and the value": (
        (82,), lambda e: e.secrets.update_secret(
            SecretId=f"{NAME}-main", Description="x", SecretString="somebody-elses"),
        "Secret/main", "description", ["UpdateSecret"]),
    "no description": (
        (165,), lambda e: e.secrets.update_secret(SecretId=f"{NAME}-main", Description=""),
        "Secret/main", "description", ["UpdateSecret"]),
    "another schedule": (
        (611,), lambda e: e.secrets.rotate_secret(
            SecretId=f"{NAME}-rotated", RotateImmediately=False,
            RotationRules={"ScheduleExpression": "rate(20 days)"}),
        "Secret/rotated", "rotationRules.scheduleExpression", ["RotateSecret"]),
    "days instead of a schedule": (
        (611,), lambda e: e.secrets.rotate_secret(
            SecretId=f"{NAME}-rotated", RotateImmediately=False,
            RotationRules={"AutomaticallyAfterDays": 10}),
        "Secret/rotated", "rotationRules.scheduleExpression", ["RotateSecret"]),
    "other days": (
        (611,), lambda e: e.secrets.rotate_secret(
            SecretId=f"{NAME}-daily", RotateImmediately=False,
            RotationRules={"AutomaticallyAfterDays": 31}),
        "Secret/daily", "rotationRules.automaticallyAfterDays", ["RotateSecret"]),
    "rotation switched off": (
        (611,), lambda e: e.secrets.cancel_rotate_secret(SecretId=f"{NAME}-daily"),
        "Secret/daily", "rotationEnabled", ["RotateSecret"]),
    "a replica taken away": (
        (614,), lambda e: e.secrets.remove_regions_from_replication(
            SecretId=f"{NAME}-copied", RemoveReplicaRegions=["eu-west-1"]),
        "Secret/copied", "replicaRegions[eu-west-1]", ["ReplicateSecretToRegions"]),
}  # fmt: skip


@of(CHANGES, "change")
def test_a_change_beside_it_is_named_exactly_and_mended(e: Estate, name: str) -> None:
    _, deed, key, path, calls = CHANGES[name]
    kind, _, thing = key.partition("/")
    before = settled(e.shown(kind, thing))
    values = e.secret(thing)["VersionIdsToStages"] if kind == "Secret" else {}
    deed(e)
    if kind == "Secret":
        values = e.secret(thing)["VersionIdsToStages"]
    e.named(key, path)
    assert [c.operation for c in e.mended()] == calls
    assert settled(e.shown(kind, thing)) == before
    if kind == "Secret":  # nothing that mends touches a value
        assert e.secret(thing)["VersionIdsToStages"] == values


def settled(shown: dict[str, Any]) -> Any:
    """What a thing is, without what AWS chooses and what others may."""
    chosen = (
        "State", "AlarmConfiguration", "Last", "Next", "VersionIds", "ResponseMetadata", "Tags",
        "storedBytes",
    )  # fmt: skip
    return in_order({k: v for k, v in shown.items() if not k.startswith(chosen)})


def in_order(value: Any) -> Any:
    """Without the order of lists, and without what only says what is so anyway."""
    if isinstance(value, dict):
        plain = {k: in_order(v) for k, v in value.items()}
        plain.pop("Status", None), plain.pop("StatusMessage", None)
        return {k: v for k, v in plain.items() if v not in ([], {}, None)}
    if isinstance(value, list):
        return sorted((in_order(v) for v in value), key=str)
    return value


UNDECLARED: dict[str, tuple[tuple[int, ...], Deed, str, str]] = {
    "a unit": ((159,), lambda e: e.put("plain", Unit="Percent"), "Alarm/plain", "unit"),
    "fewer datapoints": (
        (603,), lambda e: e.put("plain", DatapointsToAlarm=2), "Alarm/plain", "datapointsToAlarm"),
    "a wall clock": (
        (606,), lambda e: e.put("plain", EvaluationWindow={"WallClockWindow": {}}), "Alarm/plain",
        "evaluationWindow.type"),
    "low samples ignored": (
        (607,), lambda e: e.put("percentile", EvaluateLowSampleCountPercentile="ignore"),
        "Alarm/percentile", "evaluateLowSampleCountPercentile"),
    "protection": (
        (610,), lambda e: e.logs.put_log_group_deletion_protection(
            logGroupIdentifier=f"{NAME}-app", deletionProtectionEnabled=True),
        "LogGroup/app", "deletionProtectionEnabled"),
    "bearer tokens": (
        (610,), lambda e: e.logs.put_bearer_token_authentication(
            logGroupIdentifier=f"{NAME}-app", bearerTokenAuthenticationEnabled=True),
        "LogGroup/app", "bearerTokenAuthenticationEnabled"),
    "a key": (
        (612,), lambda e: e.secrets.update_secret(SecretId=f"{NAME}-daily", KmsKeyId=e.key),
        "Secret/daily", "kmsKeyId"),
}  # fmt: skip


@of(UNDECLARED, "change")
def test_what_nobody_declared_is_told_and_left(e: Estate, name: str) -> None:
    """A default is folded only while it is the default."""
    _, deed, key, path = UNDECLARED[name]
    deed(e)
    report = e.quiet(1)
    assert e.told(report)[key, path] == "undeclared"
    assert {c for _, c in e.told(report)} == {path}


def edited(kind: str, name: str, **members: Any) -> Deed:
    return said(kind, name, **members)


IMMUTABLE: dict[str, tuple[tuple[int, ...], Deed, str, str, str]] = {
    "another class": (
        (609, 610), edited("LogGroup", "app", logGroupClass="ESSENTIALS"), "LogGroup/app",
        "logGroupClass", ""),
    "a secret that RDS took over": (
        (613,), edited("Secret", "main", OwningService="rds", Description="x"), "Secret/main",
        "description", "rds manages it"),
    "a longer retention": (
        (608,), lambda e: e.logs.put_retention_policy(
            logGroupName=f"{NAME}-app", retentionInDays=30),
        "LogGroup/app", "retentionInDays", "PutRetentionPolicy can't be taken back"),
    "no retention": (
        (165, 608), lambda e: e.logs.delete_retention_policy(logGroupName=f"{NAME}-app"),
        "LogGroup/app", "retentionInDays", "PutRetentionPolicy can't be taken back"),
    "a secret that became a replica": (
        (613,), edited("Secret", "main", PrimaryRegion="eu-west-1", Description="x"),
        "Secret/main", "description", "a replica of the secret in eu-west-1"),
}  # fmt: skip


@of(IMMUTABLE, "change")
def test_what_no_call_mends_is_named_and_left(e: Estate, name: str) -> None:
    _, deed, key, path, why = IMMUTABLE[name]
    if path == "logGroupClass":
        e.wanting("LogGroup", app="retentionInDays: 14, logGroupClass: STANDARD")
        e.quiet(1)
    deed(e)
    e.named(key, path)
    e.run()
    assert e.writes() == []
    condition = e.status()["resources"][key]["conditions"]["Blocked"]
    assert condition["status"] == "True"
    assert why in condition["message"]


@pytest.mark.case(609, "change")
def test_a_delivery_group_that_expires_later_is_named(e: Estate) -> None:
    """AWS's own value is folded, not any value; and it has no call that sets it back."""
    e.stored("LogGroup", "delivery")["retentionInDays"] = 30
    assert e.named("LogGroup/delivery", "retentionInDays").now == 30


@pytest.mark.case(613, "echo")
@pytest.mark.case(614, "echo")
def test_what_others_manage_is_not_discovered_and_a_failed_replica_is_made_again(
    e: Estate,
) -> None:
    store = e.world.store("secretsmanager", e.world.account, "us-west-2")
    e.aws.client("secretsmanager", region_name="us-west-2").create_secret(Name=f"{NAME}-copied")
    assert store
    e.wanting("Secret", copied="generate: {}, replicaRegions: {eu-west-1: {}, us-west-2: {}}")
    for _ in range(6):
        e.run()
        e.later(400)
    (failed,) = (r for r in e.secret("copied")["ReplicationStatus"] if r["Region"] == "us-west-2")
    assert failed["Status"] == "Failed"
    tries = [c for c in e.writes() if c.operation == "ReplicateSecretToRegions"]
    assert len(tries) == 3, "no more than three tries of what does not help"
    assert all("ForceOverwriteReplicaSecret" not in c.params for c in tries)
    e.back()
    e.stored("Secret", "daily")["OwningService"] = "rds"
    found = [each.name for each in handler_for("Secret").discover(e.door)]
    assert f"{NAME}-daily" not in found
    assert f"{NAME}-copied" in found


# --- calls -----------------------------------------------------------------------------------


@pytest.mark.case(161, "rule")
def test_an_overwrite_sends_everything_back(e: Estate) -> None:
    """What others declared, and we did not, is still there."""
    e.put(
        "plain", Unit="Percent", AlarmDescription="theirs", DatapointsToAlarm=2, Period=300,
        WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 5},
        ActionConfiguration={"AlarmTagsPropagation": {"Enabled": True}},
        EvaluationWindow={"WallClockWindow": {"Timezone": "Asia/Tokyo"}},
    )  # fmt: skip
    before = settled(e.alarm("plain"))
    (call,) = e.mended()
    assert call.operation == "PutMetricAlarm"
    assert "Tags" not in call.params
    assert settled(e.alarm("plain")) == {**before, "Period": 60}


@pytest.mark.case(161, "rule")
def test_another_writer_is_not_overwritten_unseen(
    e: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An observation that is older than ten seconds is made anew, and what was found then wins."""
    times = iter(range(0, 100_000, 20))
    monkeypatch.setattr("controller.kindlib.overwriting.time.monotonic", lambda: float(next(times)))
    e.put("plain", Threshold=81)
    apply, late = AlarmHandler.apply, [lambda: e.put("plain", Threshold=90, Unit="Percent")]

    def after_somebody(self: AlarmHandler, *args: Any) -> Any:
        if late:
            late.pop()()
        return apply(self, *args)

    monkeypatch.setattr(AlarmHandler, "apply", after_somebody)
    assert [c.operation for c in e.mended()] == PUT
    assert (e.alarm("plain")["Threshold"], e.alarm("plain")["Unit"]) == (80, "Percent")


@pytest.mark.case(162, "rule")
def test_tags_are_calls_of_their_own(e: Estate) -> None:
    arn = e.alarm("plain")["AlarmArn"]
    e.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["plumbline:resource"])
    e.put("plain", Threshold=81)
    calls = {c.operation: c.params for c in e.mended()}
    assert set(calls) == {"PutMetricAlarm", "TagResource"}
    assert "Tags" not in calls["PutMetricAlarm"]


@pytest.mark.case(84, "rule")
def test_a_recovery_window_is_no_property(e: Estate) -> None:
    e.wanting("Secret", main=f"{SECRETS['main']}, recoveryWindowInDays: 7")
    e.quiet(1)
    assert e.told(e.run()) == {}


FLAGS = [
    ("Secret", "forceDeleteWithoutRecovery: true", "never sent"),
    ("Secret", "secretString: x", "never stands in the file"),
    ("Secret", "forceOverwriteReplicaSecret: true", "never sent"),
    ("Secret", "versionStages: [AWSCURRENT]", "a flag of the call"),
    ("Alarm", "alarmDescription: x", "called description here"),
    ("Alarm", "alarmRule: TRUE", "composite alarms"),
    ("LogGroup", "dataProtectionPolicy: {}", "left alone"),
]


@pytest.mark.case(84, "refused")
@pytest.mark.parametrize(("kind", "flag", "says"), FLAGS)
def test_what_is_no_field_says_what_to_write_instead(kind: str, flag: str, says: str) -> None:
    with pytest.raises(DesiredStateError) as caught:
        load(environment(resource(kind, "main", flag)).encode(), "flags.yaml")
    told = [p.message for p in caught.value.problems if p.field.endswith(flag.partition(":")[0])]
    assert any(says in message for message in told), caught.value


# --- all kinds -------------------------------------------------------------------------------

OTHERS = {"owner": "somebody", "Cost Center": "1/2"}


@cache
def everything() -> Bench:
    """The rich manifests of all kinds, in one environment."""
    every = dict.fromkeys(document for kind in KINDS for document in FULL[kind])
    FULL["all of them"] = tuple(every)
    try:
        return Bench("all of them")
    finally:
        del FULL["all of them"]


@pytest.fixture
def bench() -> Bench:
    """That environment, as it was when it had converged."""
    found = everything()
    found.back()
    return found


def subjects(bench: Bench) -> dict[str, Assessment]:
    """One of each kind that is tagged."""
    found = {}
    for key, seen in sorted(bench.reports[-1].assessments.items()):
        if "/full" in key:
            found.setdefault(key.partition("/")[0], seen)
    assert set(found) == set(KINDS)
    return {kind: seen for kind, seen in found.items() if seen.handler.held_by == "tags"}


def arn_of(seen: Assessment) -> str:
    """Of what bears its tags: of a task that is its revision."""
    return str(seen.outputs.get("arn") or seen.outputs["taskDefinitionArn"])


def tags_at(bench: Bench, arn: str) -> dict[str, str]:
    """As the service keeps them."""
    (found,) = (
        store["_tags"][arn] for store in bench.world._stores.values()
        if arn in store.get("_tags", {})
    )  # fmt: skip
    tags: dict[str, str] = found
    return tags


@pytest.mark.case(164, "echo")
def test_others_tags_and_aws_own_are_no_drift(bench: Bench) -> None:
    """In any order: the sandbox shuffles tags in every reply."""
    arns = [arn_of(seen) for seen in subjects(bench).values()]
    for arn in arns:
        tags_at(bench, arn).update(
            {"aws:cloudformation:stack-name": "x", "aws:cloudformation:logical-id": "y", **OTHERS}
        )
    for _ in range(2):
        report = bench.run()
        assert {k: a.drift for k, a in report.assessments.items() if a.drift} == {}
        assert bench.writes() == []
        bench.later(60)
    assert all(OTHERS.items() <= tags_at(bench, arn).items() for arn in arns)


@pytest.mark.case(164, "change")
def test_a_tag_of_ours_is_named_and_mended_beside_others(bench: Bench) -> None:
    arns = {seen.key: arn_of(seen) for seen in subjects(bench).values()}
    for arn in arns.values():
        tags_at(bench, arn).update({"aws:x": "y", **OTHERS, "team": "other"})
    report = bench.observe()
    found = {(k, c.path) for k, a in report.assessments.items() for c in a.drift}
    assert found == {(key, "tags[team]") for key in arns}
    for _ in range(4):
        if bench.run().converged:
            break
        bench.later(60)
    wanted = {"aws:x": "y", **OTHERS, "team": "platform"}.items()
    assert [key for key, arn in arns.items() if not wanted <= tags_at(bench, arn).items()] == []
    assert len([c for c in bench.writes() if not c.error]) == len(arns)


@contextmanager
def replies(bench: Bench, change: Any) -> Iterator[None]:
    """Each reply that Plumbline gets goes through `change` first."""

    def hook(parsed: Any, model: Any, **_: Any) -> None:
        ours = model.service_model.service_name not in ("s3", "ssm")
        if ours and "Error" not in parsed and model.output_shape is not None:
            change(model.output_shape, parsed)

    session, door = bench.own._session, bench.door
    session.register("after-call.*.*", hook)
    bench.door = bench._door()
    try:
        yield
    finally:
        session.unregister("after-call.*.*", hook)
        bench.door = door


def leave_out_empties(shape: Shape, value: Any) -> None:
    """`[]`, `{}` and `""` are left out. Structures stay: an empty one may say something (137)."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in [n for n in value if n in shape.members]:
            leave_out_empties(shape.members[name], value[name])
            inner = shape.members[name].type_name
            if value[name] in ("", []) or (value[name] == {} and inner == "map"):
                del value[name]
    elif shape.type_name == "list":
        for item in value or ():
            leave_out_empties(shape.member, item)
    elif shape.type_name == "map":
        for item in value.values():
            leave_out_empties(shape.value, item)


def add_empties(shape: Shape, value: Any) -> None:
    """Lists, maps and texts that are absent are there, and empty, where AWS's model allows it.

    null never gets so far: botocore drops it.
    """
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            if name in value:
                add_empties(member, value[name])
            elif member.type_name in EMPTY and not FILLED & set(member.metadata):
                value[name] = type(EMPTY[member.type_name])()
    elif shape.type_name == "list":
        for item in value or ():
            add_empties(shape.member, item)
    elif shape.type_name == "map":
        for item in value.values():
            add_empties(shape.value, item)


EMPTY: dict[str, Any] = {"list": [], "map": {}, "string": ""}
FILLED = {"min", "pattern", "enum"}
"""What has one of these is never empty."""


def judged(report: Report) -> dict[str, Any]:
    """What was found of each resource."""
    return {key: _judged(seen) for key, seen in report.assessments.items()}


def _judged(seen: Assessment) -> Any:
    told = sorted((c.path, c.cls) for c in seen.changes)
    return told, seen.readiness.state, type(seen.observation).__name__, seen.outputs


@pytest.mark.case(165, "echo")
@pytest.mark.parametrize("change", [leave_out_empties, add_empties])
def test_empty_null_and_absent_are_one(bench: Bench, change: Any) -> None:
    """Of every kind, in every reply."""
    before = judged(bench.observe())
    with replies(bench, change):
        after = judged(bench.observe())
    assert {key: told for key, told in after.items() if told != before[key]} == {}
    assert bench.writes() == []
