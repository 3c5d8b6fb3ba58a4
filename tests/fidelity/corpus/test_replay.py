"""The AWS that shows recordings: it answers as AWS would, and what is made up fits the model."""

from __future__ import annotations

import pytest

from controller.aws import AwsFailure
from tests.fidelity.corpus import minimal
from tests.fidelity.corpus.figures import survey
from tests.fidelity.corpus.leaves import PARTS, thing_shape
from tests.fidelity.corpus.recordings import RECORDED
from tests.fidelity.corpus.replay import NotReplayed, Replay, World
from tests.fidelity.corpus.shapes import contradictions

SUBJECTS = survey(RECORDED).subjects
ALARM = "arn:aws:cloudwatch:us-east-1:1:alarm:x"
WORLD = World(
    parts={
        "rds:DescribeDBSubnetGroups": ({"DBSubnetGroupName": "one"}, {"DBSubnetGroupName": "two"}),
        "ecs:DescribeClusters": (minimal.cluster("arn:aws:ecs:us-east-1:1:cluster/main"),),
        "wafv2:GetWebACL": ({"WebACL": minimal.web_acl(
            "arn:aws:wafv2:us-east-1:1:global/webacl/edge/0")},),
    },
    tags={ALARM: {"team": "one"}},
)  # fmt: skip


def test_requests_select() -> None:
    aws = Replay(WORLD)
    one = {"DBSubnetGroupName": "two"}
    assert aws.read("rds", "DescribeDBSubnetGroups", one) == {"DBSubnetGroups": [one]}
    assert len(aws.read("rds", "DescribeDBSubnetGroups")["DBSubnetGroups"]) == 2
    found = aws.read("ecs", "DescribeClusters", {"clusters": ["main", "other"]})
    assert [c["clusterName"] for c in found["clusters"]] == ["main"]
    assert "settings" not in found["clusters"][0], "shown only where asked for"
    assert [f["reason"] for f in found["failures"]] == ["MISSING"]
    assert aws.read("wafv2", "ListWebACLs", {"Scope": "REGIONAL"}) == {"WebACLs": []}
    assert aws.read("cloudwatch", "ListTagsForResource", {"ResourceARN": ALARM}) == {
        "Tags": [{"Key": "team", "Value": "one"}]
    }


@pytest.mark.parametrize(("call", "params"), [
    ("rds:DescribeDBSubnetGroups", {"DBSubnetGroupName": "three"}),
    ("secretsmanager:DescribeSecret", {"SecretId": "x"}),
    ("wafv2:GetLoggingConfiguration", {"ResourceArn": f"{ALARM}{'x' * 20}"}),
    ("ecs:DescribeServices", {"cluster": "other", "services": ["x"]}),
])  # fmt: skip
def test_what_is_not_there_is_not_found(call: str, params: dict[str, object]) -> None:
    service, _, operation = call.partition(":")
    with pytest.raises(AwsFailure) as caught:
        Replay(WORLD).read(service, operation, params)
    assert caught.value.failure == "not-found"


def test_writes_and_unknown_requests_end_the_test() -> None:
    aws = Replay(WORLD).fresh(lambda call: None)
    with pytest.raises(NotReplayed):
        aws.write("ecs", "DeleteCluster", {"cluster": "main"})
    with pytest.raises(NotReplayed, match="model"):
        aws.read("ecs", "DescribeClusters", {"clusters": "main"})


@pytest.mark.parametrize("kind", sorted(PARTS))
def test_worlds_fit_botocores_model(kind: str) -> None:
    """What was recorded, and what stands beside it."""
    wrong = []
    for name, subject in SUBJECTS:
        if subject.kind != kind:
            continue
        for call, shown in PARTS[kind].items():
            for thing in subject.world.all(call):
                found = contradictions(thing_shape(call, shown.items), thing)
                wrong += [f"{name} {call} {said}" for said in found]
    assert not wrong, "\n".join(wrong)


def test_each_recorded_thing_is_in_its_world() -> None:
    for _, subject in SUBJECTS:
        for part in subject.parts:
            assert max(part.indexes) < len(subject.world.all(part.call))
