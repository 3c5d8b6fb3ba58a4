"""A deployed control plane looked over: what is wrong with it, in plain words, and what to do.

Reads only. What the credentials may not read is said to be unknown, and counts neither way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from controller import timetable
from controller.fleet import environments
from controller.manifest import DesiredStateError, load
from controller.registry import BadRegistry, Binding, NotRegistered, Registry
from controller.sources import Refused, Source
from controller.store import Store, StoreFailure

SKEW = timedelta(seconds=60)
"""Leases are judged by each machine's own clock, and end in minutes."""

TICK = timedelta(minutes=5)
"""The tick comes every minute."""

PATIENCE = timedelta(minutes=15)
"""A pass may come that much later than its interval: the queue, a pass that is long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. advice: what to do, if it is wrong."""

    check: str
    verdict: Literal["ok", "wrong", "unknown"]
    says: str
    advice: str = ""


@dataclass(frozen=True)
class Patient:
    """What is looked over. outputs, parameters: of the stack. client: of a service, in the stack's
    region. source: where an environment's desired state is."""

    stack: str
    status: str
    account: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    store: Store
    client: Callable[[str], Any]
    registry: Callable[[], Registry]
    source: Callable[[str, Binding], Source]


def look_over(it: Patient) -> Iterator[Finding]:
    """All checks, each at least one line. Raises nothing for what AWS refuses."""
    for name, check in _CHECKS.items():
        try:
            yield from check(it)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "Unknown")
            yield Finding(name, "unknown", f"can't be checked: {error.operation_name}: {code}")
        except (BotoCoreError, StoreFailure) as error:
            yield Finding(name, "unknown", f"can't be checked: {error}")
        except (LookupError, TypeError, ValueError) as error:
            says = f"can't be checked: AWS or the stack tells no {error}"
            yield Finding(name, "unknown", says)
        except (BadRegistry, NotRegistered):
            yield Finding(name, "unknown", "can't be checked before the registry is valid")


def _clock(it: Patient) -> Iterator[Finding]:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    reply = it.client("sts").get_caller_identity()
    said = reply["ResponseMetadata"]["HTTPHeaders"].get("date")
    if said is None:
        yield Finding("clock", "unknown", "AWS did not say what time it is")
        return
    skew = abs(_now() - parsedate_to_datetime(said))
    told = f"this machine and AWS are {skew.total_seconds():.0f} s apart"
    if skew > SKEW:
        advice = "set this machine's clock: leases of passes made here would be wrong"
        yield Finding("clock", "wrong", told, advice)
    else:
        yield Finding("clock", "ok", told)


def _stack(it: Patient) -> Iterator[Finding]:
    sound = it.status.endswith("_COMPLETE") and "ROLLBACK" not in it.status
    advice = "see its events in CloudFormation, mend the cause, deploy again"
    yield _judged("stack", sound, f"{it.stack}: {it.status}", advice)
    if it.parameters.get("ScheduleState") == "DISABLED":
        says = "ScheduleState is DISABLED: only changes cause passes"
        yield Finding("stack", "wrong", says, "deploy with ScheduleState=ENABLED")


def _bucket(it: Patient) -> Iterator[Finding]:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html"""
    s3, bucket = it.client("s3"), {"Bucket": it.outputs["StateBucketName"]}
    advice = "deploy the template again: it was changed by hand"
    try:
        versions = s3.get_bucket_versioning(**bucket).get("Status")
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("NoSuchBucket", "404"):
            raise
        says = f"{bucket['Bucket']} is gone"
        yield Finding("bucket", "wrong", says, "make it anew: delete the stack and deploy it again")
        return
    says = f"versioning: {versions or 'off'}"
    yield _judged("bucket", versions == "Enabled", says, advice)
    public = _or_none(s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", **bucket)
    blocked = public and all(public["PublicAccessBlockConfiguration"].values())
    says = "public access: blocked" if blocked else "public access is not blocked"
    yield _judged("bucket", bool(blocked), says, advice)
    found = _or_none(s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError",
                     **bucket)  # fmt: skip
    rules = found["ServerSideEncryptionConfiguration"]["Rules"] if found else []
    default = rules[0]["ApplyServerSideEncryptionByDefault"] if rules else {}
    key = default.get("KMSMasterKeyID")
    if not key:
        yield Finding("bucket", "wrong", "it is not encrypted with the stack's key", advice)
        return
    yield Finding("bucket", "ok", "encrypted with the stack's key")
    state = it.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    advice = "cancel its deletion, or enable it: without it nothing can be read"
    yield _judged("key", state == "Enabled", f"it is {state}", advice)


def _registry(it: Patient) -> Iterator[Finding]:
    try:
        it.registry()
    except BadRegistry as error:
        lines = str(error).splitlines()
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        advice = "mend registry.yaml in the bucket: nothing acts until then"
        yield Finding("registry", "wrong", f"{lines[0]}{more}", advice)
        return
    there = it.store.get("registry.yaml") is not None
    yield Finding("registry", "ok", "valid" if there else "none: every environment lives at home")


def _tick(it: Patient) -> Iterator[Finding]:
    known, version = timetable.last_tick(it.store, _now())
    advice = "look at the log of the function Schedule: sam logs --stack-name " + it.stack
    if version is None:
        yield Finding("tick", "wrong", "there never was one", advice)
        return
    age = _now() - known
    yield _judged("tick", age < TICK, f"the last was {_span(age)} ago", advice)


def _environments(it: Patient) -> Iterator[Finding]:
    registry = it.registry()
    names = sorted({*environments(it.store), *registry.in_parameters()})
    if not names:
        yield Finding("environments", "wrong", "there is none", "plumbline publish a file")
        return
    entries = timetable.entries(it.store)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: list(_environment(it, registry, entries, name)), names))
    yield from (finding for each in found for finding in each)
    well = sum(not each for each in found)
    says = f"{well} of {len(names)} have a sound file and a pass in time"
    yield Finding("environments", "ok" if well == len(names) else "wrong", says)


def _environment(
    it: Patient, registry: Registry, entries: Mapping[str, timetable.Entry], name: str
) -> Iterator[Finding]:
    """What is wrong with one."""
    try:
        binding = registry.binding(name)
    except NotRegistered as error:
        advice = "bind it in registry.yaml, or remove its file and accepted/ object"
        yield Finding(name, "wrong", str(error), advice)
        return
    if wrong := _file(it, name, binding):
        advice = f"plumbline validate, then publish; plumbline status {name} says what is in force"
        yield Finding(name, "wrong", wrong, advice)
    advice = f"look for it in the worker's log: sam logs --stack-name {it.stack}"
    lease = it.store.get(f"leases/{name}.json")
    try:
        body = lease.json if lease else {}
        started = datetime.fromisoformat(body["started"])
        died = not body["released"] and datetime.fromisoformat(body["expires"]) < _now()
    except (ValueError, KeyError, TypeError):
        yield Finding(name, "wrong", "it never had a pass", advice)
        return
    age, entry = _now() - started, entries.get(name)
    interval = timedelta(seconds=entry.interval_s if entry else timetable.DEFAULT_S)
    if died:
        yield Finding(name, "wrong", f"its last pass died, {_span(age)} ago", advice)
    elif age > interval + PATIENCE:
        says = f"its last pass was {_span(age)} ago, its interval is {_span(interval)}"
        yield Finding(name, "wrong", says, advice)


def _file(it: Patient, name: str, binding: Binding) -> str:
    """What is wrong with its desired state; empty if nothing is."""
    try:
        found = it.source(name, binding).read(name)
        if found is None:
            return "its desired state is missing"
        load(found.body, found.file)
    except Refused as error:
        return str(error.problem)
    except DesiredStateError as error:
        count = len(error.problems)
        return f"{error.problems[0]}" + (f" (and {count - 1} more)" if count > 1 else "")
    return ""


def _roles(it: Patient) -> Iterator[Finding]:
    """Whether the worker is trusted: after it was made anew, roles trust one that is gone.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    registry = it.registry()
    names = {*environments(it.store), *registry.in_parameters()}
    bindings = {b for name in names if (b := _bound(registry, name))}
    prefix, worker = it.parameters.get("RoleName", "plumbline"), it.outputs["WorkerRoleArn"]
    wanted: set[tuple[str, str]] = set()
    for each in bindings:
        start = f"{prefix}-{each.region}"
        wanted.add((each.account, each.observe_role or f"{start}-observe"))
        if each.mode == "enforce":
            wanted.add((each.account, each.converge_role or f"{start}-converge"))
    for account, role in sorted(wanted):
        where = f"{role} in {account}"
        if account != it.account:
            says = f"{where} can't be checked from here; passes tell"
            yield Finding("roles", "unknown", says)
            continue
        found = _or_none(it.client("iam").get_role, "NoSuchEntity", RoleName=role.split("/")[-1])
        advice = "deploy bootstrap/target.yaml there, with this stack's outputs and Mode"
        if found is None:
            yield Finding("roles", "wrong", f"{where} is not there", advice)
            continue
        trusted = worker in json.dumps(found["Role"]["AssumeRolePolicyDocument"])
        says = f"{where} {'trusts' if trusted else 'does not trust'} the worker"
        yield _judged("roles", trusted, says, advice)


def _bound(registry: Registry, name: str) -> Binding | None:
    try:
        return registry.binding(name)
    except NotRegistered:
        return None


def _queue(it: Patient) -> Iterator[Finding]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html

    A queue and its dead-letter queue are of one account and region.
    """
    sqs, url = it.client("sqs"), it.outputs["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    waiting = int(found["ApproximateNumberOfMessages"])
    workers = int(it.parameters.get("MaximumConcurrency", "5"))
    advice = "look at the worker's log; raise MaximumConcurrency if its passes are only too many"
    yield _judged("queue", waiting <= 100 * workers, f"{waiting} environments wait", advice)
    if "RedrivePolicy" not in found:
        yield Finding("dead letters", "wrong", "the queue has no place for them",
                      "deploy the template again: it was changed by hand")  # fmt: skip
        return
    arn = json.loads(found["RedrivePolicy"])["deadLetterTargetArn"]
    dead = f"{url.rpartition('/')[0]}/{arn.rpartition(':')[2]}"
    found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]
    lost = int(found["ApproximateNumberOfMessages"])
    advice = "the worker's log says why (poison); purge the dead-letter queue when it is mended"
    yield _judged("dead letters", lost == 0, f"{lost} messages", advice)


def _alarms(it: Patient) -> Iterator[Finding]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""
    pages = (
        it.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{it.stack}-", StateValue="ALARM")
    )
    ringing = [each for page in pages for each in page["MetricAlarms"]]
    for each in ringing:
        advice = " ".join(each.get("AlarmDescription", "").split())
        yield Finding("alarms", "wrong", f"{each['AlarmName']} rings", advice)
    if not ringing:
        yield Finding("alarms", "ok", "none of the stack's rings")


def _now() -> datetime:
    return datetime.now(UTC)


def _judged(check: str, sound: bool, says: str, advice: str) -> Finding:
    return Finding(check, "ok", says) if sound else Finding(check, "wrong", says, advice)


def _or_none(call: Callable[..., Any], code: str, **params: Any) -> Any:
    """The reply; None if AWS refuses with this code. Raises `ClientError`."""
    try:
        return call(**params)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == code:
            return None
        raise


def _span(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


_CHECKS: dict[str, Callable[[Patient], Iterator[Finding]]] = {
    "clock": _clock,
    "stack": _stack,
    "bucket": _bucket,
    "registry": _registry,
    "tick": _tick,
    "environments": _environments,
    "roles": _roles,
    "queue": _queue,
    "alarms": _alarms,
}
