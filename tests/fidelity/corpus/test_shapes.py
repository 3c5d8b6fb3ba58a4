"""Which files are no replies of AWS: what contradicts botocore's model, and only that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fidelity.corpus.recordings import recordings

GROUP = {"logGroupName": "x", "creationTime": 1}


@pytest.mark.parametrize(("place", "reply", "says"), [
    ("logs/DescribeLogGroups", {"logGroups": [GROUP]}, ""),
    ("logs/DescribeLogGroups", {"logGroups": [{**GROUP, "logGroupClass": "NEWER"}]}, ""),
    ("logs/DescribeLogGroups", {"ResponseMetadata": {}, "logGroups": []}, ""),
    ("logs/DescribeLogGroups", {"logGroups": [{**GROUP, "creationTime": "1"}]}, "has a long"),
    ("logs/DescribeLogGroups", {"logGroups": [{**GROUP, "WebACLId": "x"}]}, "no such member"),
    ("logs/DescribeLogGroups", {"logGroups": GROUP}, "has a list"),
    ("logs/DescribeLogGroups", [], "has a structure"),
    ("logs/DescribeLogGroop", {}, "no such operation"),
    ("monitoring/DescribeAlarms", {"MetricAlarms": []}, ""),
    ("rds/DescribeDBInstances", {"DBInstances": [{"InstanceCreateTime": {}}]}, "a timestamp"),
    ("rds/DescribeDBInstances", {"DBInstances": [{"InstanceCreateTime": {
        "__class__": "datetime", "year": 2024, "month": 2, "day": 30}}]}, "a timestamp"),
    ("logs/DescribeLogGroups", {"logGroups": [{"logGroupName": "x", "arn": "string",
        "kmsKeyId": "string"}]}, "2 of its 3 texts"),
    ("secretsmanager/GetSecretValue", {"SecretBinary": "no base64!"}, "a blob"),
])  # fmt: skip
def test_contradicts(tmp_path: Path, place: str, reply: Any, says: str) -> None:
    file = tmp_path / place / "x.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(reply))
    (found,) = recordings(tmp_path)
    assert bool(found.skipped) == bool(says), found.skipped
    assert says in found.skipped


def test_other_services_are_not_ours(tmp_path: Path) -> None:
    file = tmp_path / "sqs" / "GetQueueAttributes" / "x.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    (found,) = recordings(tmp_path)
    assert found.foreign
    assert not found.skipped
