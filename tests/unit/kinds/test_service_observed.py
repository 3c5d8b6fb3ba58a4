"""How services are looked at: which reads it takes, and what no answer means."""

from __future__ import annotations

import copy
from typing import Any

import botocore.session
import pytest

from controller.aws import Aws, AwsFailure
from controller.diff import put
from controller.handler import Absent, Observation, Present, Unknown
from tests.unit.kinds.kit import changes, differing, planned, target
from tests.unit.kinds.service_samples import HANDLER, ROLL, Doc, rolled_back, shown, spec, with_


class Canned(Aws):
    """The door to AWS, with replies (or failures) by operation instead of a network."""

    def __init__(self, replies: Doc) -> None:
        super().__init__(botocore.session.get_session(), region="eu-central-1", account="1")
        self.replies = replies
        self.asked: list[str] = []

    def _call(self, service: str, operation: str, params: Doc) -> Any:
        self.asked.append(operation)
        reply = self.replies.get(operation, {})
        if isinstance(reply, AwsFailure):
            raise reply
        return reply(params) if callable(reply) else reply


def look(doc: Doc, desired: Doc | None = None, **more: Any) -> tuple[Observation, list[str]]:
    """What `observe` makes of AWS as in `doc`, and the reads that it took."""
    tried = doc.get("failed", {})
    tasks = [doc["taskDefinition"], *([tried["taskDefinition"]] if tried else [])]
    by_arn = {t["taskDefinitionArn"]: t for t in tasks}
    gone = {"services": [], "failures": [{"arn": "x", "reason": "MISSING"}]}
    replies = {
        "DescribeServices": lambda p: (
            {"services": [doc["service"]]} if p["cluster"].endswith("main") else gone
        ),
        "DescribeTaskDefinition": lambda p: {"taskDefinition": by_arn[p["taskDefinition"]]},
        "DescribeScalableTargets": {"ScalableTargets": [doc["scalableTarget"]]},
        "DescribeScalingPolicies": {"ScalingPolicies": doc["scalingPolicies"]},
        "ListServiceDeployments": {
            "serviceDeployments": [
                {"createdAt": 1, "status": "SUCCESSFUL"},
                {"createdAt": 2, "targetServiceRevisionArn": "r", **tried.get("deployment", {})},
            ]
        },
        "DescribeServiceRevisions": {
            "serviceRevisions": [
                {**tried.get("revision", {}),
                 "taskDefinition": tried.get("taskDefinition", {}).get("taskDefinitionArn")}
            ]
        },
        "ListClusters": {"clusterArns": ["arn:aws:ecs:x:1:cluster/main", "a/other"]},
        **more,
    }  # fmt: skip
    aws = Canned(replies)
    aim = target(HANDLER, "test-x", desired or spec())
    return HANDLER.observe(aws, [aim])[aim.key], aws.asked


def failure(kind: Any = "denied") -> AwsFailure:
    return AwsFailure(kind, "Code", "told no", "ecs:Something")


def test_a_look_takes_two_waves_and_no_more() -> None:
    seen, asked = look(shown())
    assert isinstance(seen, Present)
    assert sorted(asked) == [
        "DescribeScalableTargets", "DescribeScalingPolicies", "DescribeServices",
        "DescribeTaskDefinition",
    ]  # fmt: skip
    assert not seen.unknown
    assert not changes(HANDLER, target(HANDLER, "test-x", spec()), seen)


def test_only_the_wanted_revision_counts_as_rolled_back() -> None:
    broken = with_("containers/gateway/image", "litellm@sha256:broken")
    put(broken, ["containers", "gateway", "environment", "MODE"], "DEBUG")
    fixed = copy.deepcopy(broken)
    put(fixed, ["containers", "gateway", "image"], "litellm@sha256:fixed")
    doc = rolled_back(broken)

    seen, _ = look(doc, broken)
    assert isinstance(seen, Present)
    aim = target(HANDLER, "test-x", broken)
    assert {c.cls for c in changes(HANDLER, aim, seen)} == {"failed"}

    seen, _ = look(doc, fixed)
    assert isinstance(seen, Present)
    aim = target(HANDLER, "test-x", fixed)
    assert set(differing(changes(HANDLER, aim, seen))) == {
        "containers[gateway].image", "containers[gateway].environment[MODE]"
    }  # fmt: skip
    assert HANDLER.failed(seen.doc)["containers"] is None
    assert [a.operation for a in planned(HANDLER, aim, seen)] == ROLL


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("DescribeTaskDefinition", {"containers", "cpu", "volumes"}),
        ("DescribeScalableTargets", {"autoscaling", "desiredCount"}),
        ("DescribeScalingPolicies", {"autoscaling", "desiredCount"}),
    ],
)
def test_a_part_that_cannot_be_read_is_unknown(operation: str, fields: set[str]) -> None:
    seen, _ = look(shown(), **{operation: failure()})
    assert isinstance(seen, Present)
    assert fields <= set(seen.unknown)
    found = changes(HANDLER, target(HANDLER, "test-x", spec()), seen)
    assert found
    assert {c.cls for c in found} == {"unknown"}


def test_without_the_log_of_roll_outs_nothing_is_rolled_out() -> None:
    desired = with_("containers/gateway/image", "litellm@sha256:bbb")
    seen, _ = look(shown(), desired, ListServiceDeployments=failure("throttled"))
    assert isinstance(seen, Present)
    assert "containers" in seen.unknown


def test_no_answer_is_not_absence() -> None:
    assert isinstance(look(shown(), DescribeServices=failure("down"))[0], Unknown)
    assert isinstance(look(shown(), DescribeServices=failure("not-found"))[0], Absent)


def test_a_draining_service_is_neither_there_nor_gone() -> None:
    doc = shown()
    doc["service"]["status"] = "DRAINING"
    seen, _ = look(doc)
    assert isinstance(seen, Unknown)
    assert "DRAINING" in seen.reason
    doc["service"]["status"] = "INACTIVE"
    assert isinstance(look(doc)[0], Absent)


def test_with_its_cluster_unknown_it_is_found_by_its_tags() -> None:
    desired = with_("cluster", "${Cluster.main.name}")
    seen, asked = look(shown(), desired)
    assert isinstance(seen, Present)
    assert "ListClusters" in asked
    doc = shown()
    doc["service"]["tags"] = []
    assert isinstance(look(doc, desired)[0], Absent)
    assert isinstance(look(shown(), desired, ListClusters=failure())[0], Unknown)


def test_roll_outs_of_another_controller_are_not_ours() -> None:
    doc = shown()
    doc["service"]["deploymentController"] = {"type": "CODE_DEPLOY"}
    seen, _ = look(doc, with_("containers/gateway/image", "litellm@sha256:bbb"))
    assert isinstance(seen, Present)
    assert {"containers", "loadBalancers"} <= set(seen.owned)
    assert "CODE_DEPLOY" in seen.owned["containers"]
