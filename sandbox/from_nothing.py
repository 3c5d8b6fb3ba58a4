"""From an empty account to LiteLLM, in a simulated AWS: `make from-nothing`.

What `make bootstrap` does (the foundation's stacks, one after the other), then Plumbline's passes
until the environment has converged; then the judge and `sandbox.reachability`, each in a process of
its own that knows nothing of Plumbline, say whether it stands and who reaches whom.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import boto3
from rich.console import Console

from bootstrap import deploy
from sandbox.demo import DESIRED, STEP, Story, simulated_aws
from sandbox.tamper import E

DOMAIN = "example.com"


class Foundation(deploy.Deployment):
    """A deployment that says in a line what each stack made."""

    made = 0

    def stack(self, name: str) -> None:
        """Deploy one template; what AWS lists of the stack is told."""
        begun = time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()) as says:
            super().stack(name)
        full = f"{self.environment}-{name}"
        if says.getvalue().rstrip().endswith("nothing to change"):
            return
        pages = self.cfn.get_paginator("list_stack_resources").paginate(StackName=full)
        kinds = Counter(
            each["ResourceType"].rpartition("::")[2]
            for page in pages
            for each in page["StackResourceSummaries"]
        )
        self.made += kinds.total()
        told = ", ".join(f"{n} {kind}" if n > 1 else kind for kind, n in kinds.most_common())
        print(f"  {full}: {kinds.total()} in {time.monotonic() - begun:.0f} s: {told}", flush=True)


def prepare(aws: boto3.Session) -> deploy.File:
    """What is there before: a domain's zone, and the state bucket, which the control plane's stack
    makes on AWS. The foundation's file, for this account."""
    zone = aws.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference="from-nothing")
    account = aws.client("sts").get_caller_identity()["Account"]
    said = deploy.read(E).model_copy(update={"account": account})
    said.stacks["edge"] = {
        "DomainName": f"llm.{DOMAIN}", "HostedZoneId": zone["HostedZone"]["Id"].split("/")[-1],
    }  # fmt: skip
    aws.client("s3").create_bucket(Bucket=f"plumbline-state-{account}-{said.region}")
    return said


def tell(endpoint: str, console: Console, file: Path) -> Story:
    """The whole story."""
    aws = boto3.Session()
    said = prepare(aws)
    story = Story(endpoint, console, file)
    deploy.sleep = lambda _: story.later(STEP)
    console.print("\n[bold cyan]1. The foundation[/]  bootstrap/*.yaml, a stack each")
    first = Foundation(E, said, aws)
    first.run()
    again = Foundation(E, said, aws)
    with contextlib.redirect_stdout(io.StringIO()):
        again.run()
    story.check(
        f"{first.made} resources; a second run finds nothing to change",
        first.made > 0 == again.made,
    )

    console.print(f"\n[bold cyan]2. The environment[/]  {DESIRED}")
    report = story.converge()
    since = story.position()
    story.later(STEP)
    story.check(f"steady pass over {len(report.assessments)} resources", story.run().converged)
    story.ask("converged")
    story.ask("steady", since)

    console.print("\n[bold cyan]3. Who reaches whom[/]  as AWS reports it (boto3)")
    command = [sys.executable, "-m", "sandbox.reachability", E]
    done = subprocess.run(command, capture_output=True, text=True)
    console.print(done.stdout.rstrip() or done.stderr, highlight=False, markup=False)
    story.held = story.held and done.returncode == 0
    with urlopen(f"{endpoint}/_sandbox/unsimulated") as reply:
        story.check("nothing was asked that the simulation lacks", reply.read() == b"[]")
    return story


def main() -> int:
    """Tell the story; 0 only if all of it held."""
    begun = time.monotonic()
    console = Console(soft_wrap=True)
    try:
        with simulated_aws("--empty") as endpoint, tempfile.TemporaryDirectory() as folder:
            console.print(f"Simulated AWS at {endpoint}: an account with nothing but a domain")
            file = Path(folder) / "production.yaml"
            file.write_text(DESIRED.read_text(encoding="utf-8"), encoding="utf-8")
            held = tell(endpoint, console, file).held
    except KeyboardInterrupt:
        console.print("\ninterrupted")
        return 130
    except deploy.Refused as refused:
        console.print(f"  ✗ {refused.message}", markup=False)
        held = False
    console.print(f"\n{time.monotonic() - begun:.0f} s", highlight=False)
    console.print("[bold green]All of it held.[/]" if held else "[bold red]It did not hold.[/]")
    return 0 if held else 1
