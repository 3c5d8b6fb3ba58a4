"""An environment in a simulated AWS, with Plumbline's tools beside a second hand for tampering."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from controller.aws import Aws
from controller.rates import Budget
from controller.reconciler import Report, Tools, reconcile
from controller.sources import StoreSource
from controller.store import S3Store
from sandbox.inprocess import session
from sandbox.seed import seed
from sandbox.world import CallRecord, World

PLUMBLINE = "AKIAPLUMBLINE"
HEAD = """\
apiVersion: plumbline.dev/v1
kind: Environment
metadata: {name: NAME}
spec: {SPEC}
"""


class Plant:
    """One environment. `aws` is the tamperer's and judge's boto3 session, `world` the AWS."""

    def __init__(self, world: World, text: str, name: str = "litellm-production") -> None:
        self.world = world
        self.name = name
        self.aws = session(world)
        self.bucket = f"plumbline-state-{world.account}-{world.region}"
        if "${ssm:" in text:
            seed(world, name)
        else:
            self.aws.client("s3").create_bucket(Bucket=self.bucket)
        self.own = session(world, access_key=PLUMBLINE)
        self.store = S3Store(self.own.client("s3"), self.bucket)
        self.text = text
        self.publish(text)
        self.mark = 0
        self.door = self._door()

    def _door(self) -> Aws:
        core = self.own._session
        return Aws(
            core, region=self.world.region, account=self.world.account, budget=Budget(10_000)
        )

    def publish(self, text: str) -> None:
        """Commit a new revision of the desired state."""
        self.text = text
        key = f"environments/{self.name}.yaml"
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def tools(self, **changed: Any) -> Tools:
        """The tools of a pass; `changed` replaces some."""
        kit: dict[str, Any] = {
            "store": self.store,
            "source": StoreSource(self.store),
            "connect": self.door.fresh,
            "holder": "test",
            "now": self.world.clock.now,
        }
        return Tools(**{**kit, **changed})

    def run(self, *, write: bool = True, **changed: Any) -> Report:
        """One pass."""
        return reconcile(self.name, self.tools(**changed), write=write)

    def later(self, seconds: float = 60.0) -> None:
        """Let simulated time pass."""
        self.world.clock.advance(timedelta(seconds=seconds))

    def converge(self, passes: int = 60, step: float = 60.0) -> list[Report]:
        """Passes until converged; fails the test if that takes more than `passes`."""
        reports = []
        for _ in range(passes):
            reports.append(self.run())
            self.later(step)
            if reports[-1].converged:
                return reports
        raise AssertionError(f"not converged after {passes} passes:\n{explain(reports[-1])}")

    def revive(self) -> None:
        """A new process after a crash: nothing in memory, the dead one's lease waited out."""
        self.world.dead = False
        self.world.faults.clear()
        self.door.cache.clear()
        self.later(600)

    def calls(self, *, mine: bool = True, since: int | None = None) -> list[CallRecord]:
        """Calls of Plumbline (or of the others) since `checkpoint`."""
        found = self.world.calls[self.mark if since is None else since :]
        return [c for c in found if (c.access_key == PLUMBLINE) == mine and c.service != "s3"]

    def checkpoint(self) -> None:
        """Count calls from here on."""
        self.mark = len(self.world.calls)

    def writes(self) -> list[CallRecord]:
        """Plumbline's writes to managed services since `checkpoint`."""
        return [c for c in self.calls() if c.writes]

    def status(self) -> dict[str, Any]:
        """The status document as stored."""
        found = self.store.get(f"status/{self.name}.json")
        assert found is not None
        document: dict[str, Any] = found.json
        return document


def environment(*documents: str, name: str = "litellm-production", spec: str = "") -> str:
    """A desired-state file of these documents, with its `Environment` before them."""
    head = HEAD.replace("NAME", name).replace("SPEC", spec)
    return "---\n".join([head, *documents])


def resource(kind: str, name: str, spec: str, more: str = "") -> str:
    """A manifest; `spec` in flow style without its braces."""
    lines = f"apiVersion: plumbline.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"
    return f"{lines}spec: {{{spec}}}\n{more}"


def production() -> str:
    """The LiteLLM environment that we ship."""
    root = Path(__file__).parents[1]
    return (root / "desired_state" / "litellm" / "production.yaml").read_text(encoding="utf-8")


def explain(report: Report) -> str:
    """What keeps a pass from being converged, for the message of a failed test."""
    lines = [f"refused: {report.desired.refused} {report.desired.problems}"]
    for key, seen in report.assessments.items():
        if not seen.in_sync or seen.readiness.state != "ready":
            lines.append(f"{key}: {seen.observation!s:.80} {seen.readiness} {seen.problem}")
            lines += [
                f"    {c.path}: {c.now!r} → {c.wanted!r} {c.cls} {c.note}" for c in seen.changes
            ]
    lines += [f"{i}: {v.reason} {v.message}" for i, v in report.vetoes.items()]
    lines += [f"{o.step.id}: {o.message}" for o in report.outcomes if not o.made]
    return "\n".join(lines)


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-fA-F]{12,}|(?<=secret:)\S+|(?<=ecs-svc/)\d+")
_CHOSEN = re.compile(
    r"(?i)time|date|createdat|updatedat|token|events|at$|serviceDeploymentArn|^_subnets$"
    r"|resetOnHealthyTask|thresholdConfiguration|ApplyMethod|^alarms$|revision"
)
"""Members whose value is AWS's choice and says nothing about what we asked for."""


def shape(world: World, skip: Iterable[str] = ()) -> dict[str, Any]:
    """All stores of a world without ids, dates and order: equal for equal end states."""
    return {
        f"{service}/{region}": _shape(store)
        for (service, _, region), store in sorted(world._stores.items())
        if service not in skip and store
    }


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            _ID.sub("#", str(k)): _shape(v)
            for k, v in sorted(value.items(), key=lambda kv: str(kv[0]))
            if not re.search(_CHOSEN, str(k))
        }
    if isinstance(value, (list, tuple)):
        return sorted((_shape(v) for v in value), key=repr)
    if isinstance(value, datetime):
        return "#"
    return _ID.sub("#", value) if isinstance(value, str) else value
