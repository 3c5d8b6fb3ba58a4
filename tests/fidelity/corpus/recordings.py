"""Directories of recorded replies: `SERVICE/OPERATION/HASH.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.fidelity.corpus.shapes import contradictions, output_shape, parsed, services_of, skeleton

RECORDED = Path(__file__).parents[2] / "recorded"
SKIPPED = Path(__file__).with_name("skipped.yaml")
OURS = (
    "application-autoscaling", "cloudwatch", "ecs", "elasticache", "logs", "rds",
    "resourcegroupstaggingapi", "secretsmanager", "sns", "ssm", "wafv2",
)  # fmt: skip
"""Services that our kinds are read from."""


@dataclass(frozen=True)
class Recording:
    """One file. reply: as botocore gives it. skipped: why the file is none, by botocore's model.
    foreign: no kind of ours is made of this service."""

    name: str
    service: str
    operation: str
    reply: dict[str, Any]
    skipped: str = ""
    foreign: bool = False

    @property
    def call(self) -> str:
        """`service:Operation`."""
        return f"{self.service}:{self.operation}"


@cache
def recordings(folder: Path) -> tuple[Recording, ...]:
    """All files of a directory, by name."""
    return tuple(_read(folder, path) for path in sorted(folder.glob("*/*/*.json")))


def _read(folder: Path, path: Path) -> Recording:
    name = str(path.relative_to(folder))
    place, operation, _ = name.split("/")
    candidates = services_of(place)
    if not set(candidates) & set(OURS):
        return Recording(name, place, operation, {}, foreign=True)
    service = candidates[0]
    shape = output_shape(service, operation)
    if shape is None:
        return Recording(name, service, operation, {}, f"{service} has no such operation")
    try:
        body = json.loads(path.read_bytes())
    except ValueError as error:
        return Recording(name, service, operation, {}, f"no JSON: {error}")
    wrong = next(contradictions(shape, body), "") or skeleton(body)
    if wrong:
        return Recording(name, service, operation, {}, wrong)
    return Recording(name, service, operation, parsed(shape, body))


def listed_as_skipped() -> dict[str, str]:
    """File → reason, as the list has them."""
    found: dict[str, str] = yaml.safe_load(SKIPPED.read_text(encoding="utf-8"))
    return found
