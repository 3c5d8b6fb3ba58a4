"""What a cold start of the functions costs, beside bare boto3 and powertools: imports and the first
clients, each in a new process with the built bundle (`make bundle`) and Python's own library alone.

In processor time, which is what imports take and what Lambda gives little of. Lambda's own part
(fetching the bundle, starting Python) is not in it.
"""

from __future__ import annotations

import os
import site
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.floor import FIRST, MORE_FIRST, services
from tests.bench.processes import ROOT, side_by_side
from tests.bench.rows import Row
from tests.bundle.alone import CONTEXT, LAMBDA

BUNDLE = ROOT / "build" / "bundle"
MOST_MB = 250
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: unzipped."""
RATIO = 1.3
FIRST_PASS = "worker, with all kinds and clients"

HEAD = """
import time
begun = time.process_time()
import sys
sys.path.insert(0, {path!r})
"""
TAIL = """
import json
print(json.dumps({"s": time.process_time() - begun}))
"""
BARE = """
import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
Logger(), Metrics(), Tracer(auto_patch=False)
session = boto3.Session()
for name in {clients}:
    session.client(name)
"""
SENDER = """
import handlers.{name} as module
for name in ("s3", "sqs"):
    module._client(name)
"""
WORKER = f"""
from handlers.reconcile import handler
{CONTEXT}
handler({{"Records": []}}, Context())
"""
KINDS = """
from controller.aws import Aws
from controller.kinds import KINDS, handler_for
from controller.sessions import session
import controller.loading
aws = Aws(session(), region="us-east-1", account="123456789012")
for kind in KINDS:
    handler_for(kind)
for name in {clients}:
    aws.client(name)
"""


def cold_start(rounds: int) -> Iterator[Row]:
    """Sizes, and each function beside what it can't do without."""
    yield from _size()
    managed = services(FIRST + MORE_FIRST)
    for what, code, clients in (
        ("tick", SENDER.format(name="schedule"), ["s3", "sqs"]),
        ("ear", SENDER.format(name="change"), ["s3", "sqs"]),
        ("worker, nothing to do", WORKER, ["s3", "ssm"]),
        (FIRST_PASS, WORKER + KINDS.format(clients=managed), ["s3", *managed]),
    ):  # fmt: skip
        made = side_by_side(
            {
                "ours": [HEAD.format(path=str(BUNDLE)) + code + TAIL],
                "bare": [
                    HEAD.format(path=site.getsitepackages()[0])
                    + BARE.format(clients=clients)
                    + TAIL
                ],
            },
            {**LAMBDA, "PATH": os.environ["PATH"]},
            rounds,
            how=("-I", "-S", "-c"),
        )
        ours, bare = made["ours"].of("s"), made["bare"].of("s")
        shown = f"{ours / bare:.2f} × ({1000 * ours:.0f} / {1000 * bare:.0f} ms CPU)"
        if what == FIRST_PASS:
            yield Row(f"cold start, {what}", shown)
        else:
            met = ours / bare <= RATIO
            yield Row(f"cold start, {what}", shown, f"≤ {RATIO} × boto3 + powertools", met)


def _size() -> Iterator[Row]:
    files = [path for path in BUNDLE.rglob("*") if path.is_file()]
    whole = sum(path.stat().st_size for path in files) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "bundle.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, path.relative_to(BUNDLE))
        zipped = packed.stat().st_size / 1e6
    figure = f"{whole:.0f} MB, zipped {zipped:.0f} MB, {len(files)} files"
    yield Row("bundle, for both processors", figure, f"< {MOST_MB} MB", whole < MOST_MB)
