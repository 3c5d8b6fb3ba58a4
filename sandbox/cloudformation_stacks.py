"""How a stack comes about: one resource after the other, each made by its provider.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-overview.html
A resource is begun once all it depends on is complete; if one fails, what was made is deleted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from sandbox.cloudformation_calls import Caller, Failed, Job
from sandbox.cloudformation_providers import Provider, providers
from sandbox.cloudformation_schemas import complaints, schema, system_tags, taggable, typed
from sandbox.cloudformation_template import Doc, Scope
from sandbox.errors import AwsError, NotSimulated
from sandbox.tags import tags_of
from sandbox.world import Store

Stack = dict[str, Any]
PAUSES = (2.0, 5.0, 10.0, 30.0)
"""Seconds between two looks at a stack: short after progress, longer while nothing happens."""

SNAPSHOT_BY_DEFAULT = ("AWS::RDS::DBInstance",)
"""Types whose `DeletionPolicy` is Snapshot unless the template says otherwise."""

_DYNAMIC = re.compile(r"\{\{resolve:([a-z-]+):([^}]+)\}\}")


def stacks_of(store: Store) -> dict[str, Stack]:
    """All stacks by id, deleted ones too."""
    found: dict[str, Stack] = store.setdefault("stacks", {})
    return found


def exports_of(store: Store) -> dict[str, str]:
    """What the stacks export, by name."""
    return {
        output["ExportName"]: output["OutputValue"]
        for stack in stacks_of(store).values()
        for output in stack.get("Outputs", ())
        if "ExportName" in output and stack["StackStatus"] != "DELETE_COMPLETE"
    }


@dataclass
class Worker:
    """CloudFormation at work on one stack, with its maker's credentials."""

    call: Caller
    stack: Stack

    @property
    def _store(self) -> Store:
        return self.call.world.store("cloudformation", self.call.account, self.call.region)

    @property
    def _resources(self) -> dict[str, Doc]:
        found: dict[str, Doc] = self.stack["_resources"]
        return found

    # --- the course of things ---

    def begin(self, work: Callable[[], bool], pause: int = 0) -> None:
        """Do `work` until it says that it has ended, a while apart."""
        waits = timedelta(seconds=PAUSES[min(pause, len(PAUSES) - 1)])
        born = self.stack["StackStatus"]

        def step() -> None:
            if self.stack["StackStatus"] != born:
                return
            before = self._standing()
            if not work() and self.stack["StackStatus"] == born:
                self.begin(work, 0 if self._standing() != before else pause + 1)

        self.call.world.clock.after(waits, step)

    def _standing(self) -> list[Any]:
        return [record["status"] for record in self._resources.values()]

    def create(self) -> None:
        """Make everything; a failure rolls back, unless that is switched off."""
        self.event(self.stack["StackName"], "CREATE_IN_PROGRESS", "User Initiated")
        self.begin(self._create_more)

    def _create_more(self) -> bool:
        for name, record in self._resources.items():
            if record["status"] == "CREATE_IN_PROGRESS":
                self._attempt(name, record, self._look)
        for name, record in self._resources.items():
            waits = [self._resources[d]["status"] != "CREATE_COMPLETE" for d in record["depends"]]
            if not record["status"] and not any(waits) and not self._failed():
                self.event(name, "CREATE_IN_PROGRESS")
                self._attempt(name, record, self._make)
        if self._failed():
            return self._give_up()
        if all(r["status"] == "CREATE_COMPLETE" for r in self._resources.values()):
            self._publish()
            self.event(self.stack["StackName"], "CREATE_COMPLETE")
            return True
        return False

    def _failed(self) -> list[str]:
        return [n for n, r in self._resources.items() if r["status"] == "CREATE_FAILED"]

    def _give_up(self) -> bool:
        reason = f"The following resource(s) failed to create: [{', '.join(self._failed())}]. "
        for name, record in self._resources.items():
            if record["status"] == "CREATE_IN_PROGRESS":
                self.event(name, "CREATE_FAILED", "Resource creation cancelled")
        if self.stack["_on_failure"] == "DO_NOTHING":
            self.event(self.stack["StackName"], "CREATE_FAILED", reason)
            return True
        if self.stack["_on_failure"] == "DELETE":
            self.delete(reason + "Delete requested by user.")
            return True
        self.event(
            self.stack["StackName"], "ROLLBACK_IN_PROGRESS", reason + "Rollback requested by user."
        )
        for record in self._resources.values():
            if record["policy"] == "Snapshot":
                record["policy"] = "Delete"
        self.begin(lambda: self._delete_more("ROLLBACK_COMPLETE"))
        return True

    def delete(self, reason: str = "User Initiated") -> None:
        """Delete everything, what depends on others first."""
        self.event(self.stack["StackName"], "DELETE_IN_PROGRESS", reason)
        self.begin(lambda: self._delete_more("DELETE_COMPLETE"))

    def _delete_more(self, end: str) -> bool:
        for name, record in self._resources.items():
            if record["status"] == "DELETE_IN_PROGRESS":
                self._attempt(name, record, self._watch_go)
        alive = {n for n, r in self._resources.items() if r["status"] not in (
            "DELETE_COMPLETE", "DELETE_SKIPPED")}  # fmt: skip
        for name in sorted(alive):
            record = self._resources[name]
            if record["status"].startswith("DELETE_"):
                continue
            if any(name in self._resources[other]["depends"] for other in alive - {name}):
                continue
            self._remove(name, record)
        if any(r["status"] == "DELETE_FAILED" for r in self._resources.values()):
            failed = end.replace("COMPLETE", "FAILED")
            self.event(self.stack["StackName"], failed)
            return True
        if alive:
            return False
        self.event(self.stack["StackName"], end)
        if end == "DELETE_COMPLETE":
            self.stack["DeletionTime"] = self.call.world.clock.now()
            self.stack.pop("Outputs", None)
        return True

    # --- one resource ---

    def _attempt(self, name: str, record: Doc, work: Callable[[str, Doc], None]) -> None:
        verb = "DELETE" if record["status"].startswith("DELETE") else "CREATE"
        try:
            work(name, record)
        except Failed as error:
            self.event(name, f"{verb}_FAILED", str(error))
        except AwsError as error:
            self.event(name, f"{verb}_FAILED", error.message)
        except ClientError as error:
            said = error.response
            reason = (
                f'Resource handler returned message: "{said["Error"]["Message"]}" (RequestToken: '
                f"{self.call.world.rng.getrandbits(128):x}, HandlerErrorCode: "
                f"{said['Error']['Code']})"
            )
            self.event(name, f"{verb}_FAILED", reason)

    def _job(self, name: str, record: Doc) -> Job:
        tags = self.stack["_tags"] if taggable(record["type"]) else {}
        return Job(self.call, self.stack["StackName"], name, record, dict(tags))

    def _make(self, name: str, record: Doc) -> None:
        kind = record["type"]
        properties = self.declared(name)
        if found := complaints(kind, properties):
            raise Failed(f"Properties validation failed for resource {name} with message:\n"
                         + "\n".join(found))  # fmt: skip
        provider(kind).create(self._job(name, record), properties)
        if record.get("arn") and system_tags(kind):
            service = record["arn"].split(":")[2]
            store = self.call.world.store(service.replace("monitoring", "cloudwatch"),
                                          self.call.account, self.call.region)  # fmt: skip
            tags_of(store, record["arn"]).update(
                {
                    "aws:cloudformation:stack-name": self.stack["StackName"],
                    "aws:cloudformation:stack-id": self.stack["StackId"],
                    "aws:cloudformation:logical-id": name,
                }
            )
        self.event(name, "CREATE_IN_PROGRESS", "Resource creation Initiated")

    def _look(self, name: str, record: Doc) -> None:
        if provider(record["type"]).ready(self._job(name, record)):
            self.event(name, "CREATE_COMPLETE")

    def _remove(self, name: str, record: Doc) -> None:
        if "physical" not in record:
            self.event(name, "DELETE_COMPLETE")
        elif record["policy"].startswith("Retain"):
            self.event(name, "DELETE_SKIPPED")
        else:
            self.event(name, "DELETE_IN_PROGRESS")
            job = self._job(name, record)
            self._attempt(name, record, lambda *_: provider(record["type"]).delete(job))

    def _watch_go(self, name: str, record: Doc) -> None:
        if provider(record["type"]).gone(self._job(name, record)):
            self.event(name, "DELETE_COMPLETE")

    # --- what is said ---

    def event(self, name: str, status: str, reason: str = "") -> None:
        """Something has happened to a resource, or to the stack itself."""
        now, stack = self.call.world.clock.now(), self.stack
        itself = name == stack["StackName"] and name not in self._resources
        record = stack if itself else self._resources[name]
        if itself:
            stack["StackStatus"] = status
            stack.pop("StackStatusReason", None)
            if reason:
                stack["StackStatusReason"] = reason
        else:
            record.update(status=status, reason=reason, at=now)
        stack["_events"].append(
            {
                "StackId": stack["StackId"],
                "StackName": stack["StackName"],
                "EventId": f"{name}-{status}-{len(stack['_events'])}",
                "LogicalResourceId": name,
                "PhysicalResourceId": stack["StackId"] if itself else record.get("physical", ""),
                "ResourceType": "AWS::CloudFormation::Stack" if itself else record["type"],
                "ResourceStatus": status,
                "Timestamp": now,
                **({"ResourceStatusReason": reason} if reason else {}),
            }
        )

    def _publish(self) -> None:
        scope, outputs = self.scope(), []
        for key, output in (self.stack["_template"].get("Outputs") or {}).items():
            if "Condition" in output and not scope.condition(output["Condition"]):
                continue
            shown = {"OutputKey": key, "OutputValue": str(scope.value(output["Value"]))}
            if "Description" in output:
                shown["Description"] = output["Description"]
            if "Export" in output:
                shown["ExportName"] = str(scope.value(output["Export"]["Name"]))
            outputs.append(shown)
        self.stack["Outputs"] = outputs

    # --- values ---

    def declared(self, name: str) -> Doc:
        """A resource's properties as the template says them, its functions evaluated."""
        resource = self.stack["_template"]["Resources"][name]
        said = self.scope().value(resource.get("Properties") or {})
        return typed(resource["Type"], self._resolved(said))

    def scope(self) -> Scope:
        """What the template's functions see now."""
        made = {
            name: (record["physical"], record["attributes"])
            for name, record in self._resources.items()
            if record["status"] in ("CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
        }
        stack = self.stack
        return Scope(
            stack["_template"], stack["_parameters"], stack["_pseudo"], stack["_zones"],
            exports_of(self._store), made,
        )  # fmt: skip

    def _resolved(self, value: Any) -> Any:
        """Values with their dynamic references (`{{resolve:…}}`) replaced."""
        if isinstance(value, dict):
            return {k: self._resolved(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._resolved(v) for v in value]
        return _DYNAMIC.sub(self._dynamic, value) if isinstance(value, str) else value

    def _dynamic(self, found: re.Match[str]) -> str:
        service, where = found[1], found[2]
        if service == "ssm":
            name = where.split(":")[0]
            return str(self.call("ssm", "GetParameter", Name=name)["Parameter"]["Value"])
        if service != "secretsmanager":
            raise NotSimulated(f"CloudFormation dynamic reference to {service}")
        return read_secret(self.call, where)


def read_secret(call: Caller, where: str) -> str:
    """`name or ARN:SecretString:JSON key`, the last two of which may be left out.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
    """
    parts = where.split(":")
    width = 7 if where.startswith("arn:") else 1
    secret, rest = ":".join(parts[:width]), [*parts[width:], "", "", "", ""]
    if rest[2] or rest[3]:
        raise NotSimulated("CloudFormation dynamic references to a secret's older version")
    held = str(call("secretsmanager", "GetSecretValue", SecretId=secret)["SecretString"])
    if not rest[1]:
        return held
    document = json.loads(held)
    if rest[1] not in document:
        raise Failed(f"Could not find a value associated with JSONKey in SecretString: {rest[1]}")
    return str(document[rest[1]])


def provider(kind: str) -> Provider:
    """The provider of a resource type; one that AWS has and we have not ends the test."""
    if schema(kind) is None:
        raise AwsError("ValidationError", "Template format error: Unrecognized resource types: "
                       f"[{kind}]")  # fmt: skip
    try:
        return providers()[kind]
    except KeyError:
        raise NotSimulated(f"CloudFormation resource type {kind}") from None


def records(scope: Scope) -> dict[str, Doc]:
    """The record of each resource of a template, before anything is made."""
    made = {}
    for name, resource in scope.declared().items():
        kind = resource["Type"]
        provider(kind)
        default = "Snapshot" if kind in SNAPSHOT_BY_DEFAULT else "Delete"
        made[name] = {
            "type": kind,
            "status": "",
            "reason": "",
            "policy": resource.get("DeletionPolicy", default),
            "depends": resource["DependsOn"],
        }
    _refuse_circles(made)
    return made


def _refuse_circles(made: dict[str, Doc]) -> None:
    left = {name: set(record["depends"]) for name, record in made.items()}
    while free := [name for name, waits in left.items() if not waits & set(left)]:
        for name in free:
            del left[name]
    if left:
        raise AwsError("ValidationError", "Circular dependency between resources: "
                       f"[{', '.join(sorted(left))}]")  # fmt: skip
