"""The demo: an environment converges from nothing, is tampered with, is told on, and heals.

A simulated AWS runs in a process of its own; Plumbline talks to it over HTTP as it would to AWS;
a third process (`sandbox.judge`), which knows only boto3 and the call log, says after each act
whether it held.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import botocore.session
from rich.console import Console
from rich.live import Live
from rich.table import Table

from controller.aws import Aws
from controller.cli.render import change_line
from controller.cli.render import value as shown
from controller.handler import Absent, Present
from controller.rates import Budget
from controller.reconciler import Report, Tools, reconcile
from controller.sources import FileSource
from controller.store import S3Store
from sandbox.judge import PLUMBLINE
from sandbox.tamper import DEEDS, E

DESIRED = Path("desired_state") / "litellm" / "production.yaml"
STEP = 60
"""Simulated seconds between two passes."""

MOVE = ("${DBSubnetGroup.main.name}", "somebody-elses-subnets")
GROW = (
    ("memory: 4096 # LiteLLM's", "memory: 8192 # LiteLLM's"),
    ("minCapacity: 2", "minCapacity: 3"),
)


class Story:
    """The demo's stage: the simulated AWS's address, its clock, Plumbline's tools."""

    def __init__(self, endpoint: str, console: Console, file: Path) -> None:
        self.endpoint = endpoint
        self.console = console
        self.file = file
        self.calls: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        self.passes = 0
        self.held = True
        self._now = self._clock("health")
        core = botocore.session.Session()
        core.set_credentials(PLUMBLINE, "sandbox")
        account = core.create_client("sts").get_caller_identity()["Account"]
        region = core.get_config_variable("region")
        store = S3Store(core.create_client("s3"), f"plumbline-state-{account}-{region}")
        aws = Aws(core, region=region, account=account, budget=Budget(1000))
        self.tools = Tools(store, FileSource(file), aws.fresh, "make demo", now=lambda: self._now)

    def _clock(self, what: str) -> datetime:
        with urlopen(f"{self.endpoint}/_sandbox/{what}") as reply:
            return datetime.fromisoformat(re.findall(r'"now": "([^"]+)"', reply.read().decode())[0])

    def later(self, seconds: int) -> None:
        """Let simulated time pass."""
        self._now = self._clock(f"advance?seconds={seconds}")

    def position(self) -> int:
        """Where the call log ends now."""
        with urlopen(f"{self.endpoint}/_sandbox/calls") as reply:
            return int(reply.read().count(b'"name":'))

    def run(self, *, write: bool = True) -> Report:
        """One pass; only passes that may write count."""
        report = reconcile(E, self.tools, write=write)
        self.passes += 1
        self.calls.update(report.calls)
        self.made.update(o.step.call for o in report.outcomes if o.made)
        return report

    def converge(self, most: int = 40) -> Report:
        """Passes until converged, with a live view."""
        begun = self._now
        with Live(console=self.console, refresh_per_second=8, transient=True) as live:
            for _ in range(most):
                report = self.run()
                live.update(_board(report, self._now - begun))
                if report.converged:
                    break
                self.later(STEP)
        word = "converged" if report.converged else "[red]not converged[/]"
        self.console.print(
            f"  {word} after {_span(self._now - begun)} of simulated time", highlight=False
        )
        self.held = self.held and report.converged
        return report

    def ask(self, stage: str, since: int = 0) -> None:
        """Let the judge speak."""
        self.console.print(f"\n[bold]The judge[/] (boto3 and the call log, stage {stage}):")
        sys.stdout.flush()
        command = [sys.executable, "-m", "sandbox.judge", "--stage", stage, "--from", str(since)]
        done = subprocess.run(command, env={**os.environ}, capture_output=True, text=True)
        self.console.print(done.stdout.rstrip() or done.stderr, highlight=False, markup=False)
        self.held = self.held and done.returncode == 0

    def check(self, title: str, good: bool) -> None:
        """A check of what Plumbline itself said."""
        self.console.print(f"  {'✓' if good else '✗'} {title}", highlight=False)
        self.held = self.held and good

    def edit(self, *changes: tuple[str, str]) -> None:
        """A commit."""
        text = self.file.read_text(encoding="utf-8")
        for old, new in changes:
            if old not in text:
                raise ValueError(f"{DESIRED} does not say {old}")
            text = text.replace(old, new)
        self.file.write_text(text, encoding="utf-8")


def tell(story: Story) -> None:
    """The whole story."""
    say = story.console.print
    say("\n[bold cyan]1. From nothing[/]  The desired state is one file; AWS has none of it.")
    report = story.converge()
    story.ask("converged")

    say("\n[bold cyan]2. Steady[/]  Nothing has changed: a pass reads, and writes nothing.")
    since = story.position()
    story.later(STEP)
    report = story.run()
    story.check(f"steady pass over {len(report.assessments)} resources", report.converged)
    story.ask("steady", since)

    say(f"\n[bold cyan]3. Behind its back[/]  Somebody changes {len(DEEDS)} things with boto3.")
    meddler = boto3.Session()
    for deed in DEEDS:
        deed.do(meddler)
        say(f"  • {deed.title}", highlight=False)
    say("  … and a commit moves the database into another subnet group.")
    story.edit(MOVE)
    story.later(15 * 60)

    say("\n[bold cyan]4. Told on, and healed[/]")
    since = story.position()
    report = story.run()
    _drift(story, report)
    story.later(STEP)
    _settle(story)
    story.ask("healed", since)
    story.edit((MOVE[1], MOVE[0]))
    story.later(STEP)
    story.converge()

    say("\n[bold cyan]5. A commit[/]  More memory, and never fewer than three tasks.")
    story.edit(*GROW)
    planned = story.run(write=False)
    changes = planned.assessments["Service/gateway"].changes
    for change in changes:
        if change.cls == "differs":
            say(f"  {change_line(change)}", highlight=False)
    wanted = {c.path: c.cause for c in changes if c.cls == "differs"}
    story.check("shown as pending change, not as drift", wanted.get("memory") == "pending"
                and "drift" not in wanted.values())  # fmt: skip
    story.converge()
    story.ask("rolled-out")


def _drift(story: Story, report: Report) -> None:
    """Print what the pass found; check that each deed is named exactly, and called drift."""
    for key, seen in report.assessments.items():
        if seen.vanished:
            story.console.print(f"  [bold]{key}[/]  was there, is gone", highlight=False)
        elif seen.drift:
            story.console.print(f"  [bold]{key}[/]", highlight=False)
        for change in seen.drift:
            was, now, wanted = (_short(v) for v in (change.was, change.now, change.wanted))
            path = change.path.replace("[", "\\[")
            story.console.print(
                f"    {path}: was {was}, is [red]{now}[/], wanted {wanted}", highlight=False
            )
    unnamed = [d.title for d in DEEDS if not _named(report, d.resource, d.field)]
    story.check(f"all {len(DEEDS)} named, as drift, not as pending change", not unnamed)
    for title in unnamed:
        story.console.print(f"    [red]not named: {title}[/]")
    blocked = report.assessments["DBInstance/main"]
    reasons = {c.path: c.cls for c in blocked.changes if c.cls == "immutable"}
    made = any("DBSubnetGroupName" in str(o.step.action.params)
               for o in report.outcomes if o.made)  # fmt: skip
    story.check("refused: DBInstance/main dbSubnetGroupName: AWS can't change it in place; it "
                "would take a new database", reasons == {"dbSubnetGroupName": "immutable"}
                and not made)  # fmt: skip


def _named(report: Report, key: str, path: str) -> bool:
    seen = report.assessments[key]
    if not path:
        return seen.vanished
    return any(c.path == path and c.cause == "drift" for c in seen.changes)


def _settle(story: Story, most: int = 25) -> None:
    """Passes until all that may be mended is: only the refused commit is left."""
    begun = story._now
    with Live(console=story.console, refresh_per_second=8, transient=True) as live:
        for _ in range(most):
            report = story.run()
            live.update(_board(report, story._now - begun))
            left = [
                a.key
                for a in report.assessments.values()
                if a.readiness.state != "ready"
                or not isinstance(a.observation, Present)
                or any(c.cls not in ("undeclared", "owned", "immutable") for c in a.changes)
            ]
            if not left and not report.plan.steps:
                break
            story.later(STEP)
    story.console.print(
        f"  healed after {_span(story._now - begun)} of simulated time", highlight=False
    )


def _board(report: Report, passed: timedelta) -> Table:
    table = Table(box=None, pad_edge=False, title=f"{_span(passed)} of simulated time")
    for name in ("resource", "in AWS", ""):
        table.add_column(name)
    for key, seen in report.assessments.items():
        made = [o.step.action.operation for o in report.outcomes if o.made and o.step.key == key]
        if isinstance(seen.observation, Absent):
            word, why = ("[yellow]made[/]" if made else "[dim]missing[/]"), ", ".join(made)
        elif seen.readiness.state != "ready":
            word, why = "[yellow]under way[/]", seen.readiness.message
        elif not seen.in_sync:
            word, why = (
                "[red]differs[/]",
                ", ".join(made) or ", ".join(c.path for c in seen.changes),
            )
        else:
            word, why = "[green]Ready[/]", ""
        table.add_row(key, word, f"[dim]{shown(why)}[/]" if why else "")
    return table


def _short(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _span(passed: timedelta) -> str:
    minutes, seconds = divmod(int(passed.total_seconds()), 60)
    return f"{minutes} min {seconds:02} s" if seconds else f"{minutes} min"


@contextmanager
def simulated_aws(*options: str) -> Iterator[str]:
    """A sandbox server in a process of its own, which this process's AWS settings lead to."""
    command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--speed", "0", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if match := re.search(r"AWS_ENDPOINT_URL=(\S+)", line):
                os.environ.update(
                    AWS_ENDPOINT_URL=match[1], AWS_ACCESS_KEY_ID="AKIASANDBOX",
                    AWS_SECRET_ACCESS_KEY="sandbox", AWS_DEFAULT_REGION="us-east-1",
                )  # fmt: skip
                for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
                    os.environ.pop(name, None)
                yield match[1]
                return
        raise RuntimeError("the simulated AWS did not start")
    finally:
        server.terminate()  # an interrupt is ignored by what began in the background
        server.wait(10)


def main() -> int:
    """Tell the story; 0 only if all of it held."""
    begun = time.monotonic()
    console = Console(soft_wrap=True)
    try:
        with simulated_aws() as endpoint, tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "production.yaml"
            file.write_text(DESIRED.read_text(encoding="utf-8"), encoding="utf-8")
            console.print(f"Simulated AWS at {endpoint}; desired state: {DESIRED}")
            story = Story(endpoint, console, file)
            tell(story)
            with urlopen(f"{endpoint}/_sandbox/unsimulated") as reply:
                holes = reply.read().decode()
            story.check("nothing was asked that the simulation lacks", holes == "[]")
    except KeyboardInterrupt:
        console.print("\ninterrupted")
        return 130
    console.print(
        f"\n{story.passes} passes, {sum(story.calls.values())} API calls, "
        f"{sum(story.made.values())} writes, {len(DEEDS)} changes found and healed, "
        f"{time.monotonic() - begun:.0f} s",
        highlight=False,
    )
    console.print(
        "[bold green]All of it held.[/]" if story.held else "[bold red]It did not hold.[/]"
    )
    return 0 if story.held else 1
