"""Cluster: what may be written, what AWS's words mean, and the smallest call for each change."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.handler import Absent, Present
from controller.kinds.cluster import ClusterHandler
from controller.manifest import dump
from tests.unit.kinds.kit import changes, planned, recorded, reported, target

HANDLER = ClusterHandler()
PROVIDERS = {
    "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
    "defaultCapacityProviderStrategy": {"FARGATE": {"base": 1}, "FARGATE_SPOT": {"weight": 4}},
}
RECORDINGS = [
    pytest.param(cluster, id=f"{name}-{cluster['clusterName']}")
    for name, reply in recorded("ecs", "ecs", "DescribeClusters")
    for cluster in reply["clusters"]
]


def seen(**more: Any) -> Present:
    """A cluster of ours as AWS shows it once created with our defaults."""
    cluster = {
        "clusterName": "test-x",
        "clusterArn": "arn:aws:ecs:eu-central-1:123456789012:cluster/test-x",
        "status": "ACTIVE",
        "settings": [{"name": "containerInsights", "value": "enabled"}],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
        "configuration": {},
        "statistics": [],
        "tags": [
            {"key": "plumbline:resource", "value": "Cluster/x"},
            {"key": "plumbline:environment", "value": "test"},
        ],
    }
    return Present({"cluster": {**cluster, **more}})


@pytest.mark.parametrize("cluster", RECORDINGS)
def test_imports_what_others_made_and_finds_nothing_to_do(cluster: dict[str, Any]) -> None:
    found = Present({"cluster": cluster})
    spec = HANDLER.to_spec(found.doc)
    HANDLER.readiness(found.doc)
    assert HANDLER.output(found.doc)["name"] == cluster["clusterName"]
    if "settings" not in cluster:
        spec["settings"] = {}  # recorded without include: SETTINGS
    aim = target(HANDLER, cluster["clusterName"], spec)
    ours = {"tags[plumbline:environment]", "tags[plumbline:resource]"}
    assert reported(changes(HANDLER, aim, found)) == ours


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"settings": {"containerInsights": "on"}}, "enhanced"),
        ({"settings": {"insights": "enabled"}}, "containerInsights"),
        ({"defaultCapacityProviderStrategy": {"FARGATE": {}}}, "must stand in capacityProviders"),
        (
            {"capacityProviders": ["FARGATE"],
             "defaultCapacityProviderStrategy": {"FARGATE": {"weight": 0}}},
            "weight above 0",
        ),
        (
            {"configuration": {"executeCommandConfiguration": {"logging": "OVERRIDE"}}},
            "goes with logging OVERRIDE",
        ),
        ({"serviceConnectDefaults": {"namespace": "internal"}}, "must be the ARN"),
    ],
)  # fmt: skip
def test_refuses_what_ecs_would(spec: dict[str, Any], says: str) -> None:
    try:
        said = HANDLER.incomplete(dump(HANDLER.spec.model_validate(spec)))
    except ValidationError as error:
        said = str(error)
    assert says in said


def test_references_pass() -> None:
    HANDLER.spec.model_validate(
        {
            "capacityProviders": "${ssm:/providers}",
            "defaultCapacityProviderStrategy": {"FARGATE": {"weight": "${ssm:/weight}"}},
            "serviceConnectDefaults": {"namespace": "${ssm:/namespace}"},
        }
    )


def test_is_made_by_one_call() -> None:
    [action] = planned(HANDLER, target(HANDLER, "test-x", PROVIDERS), Absent())
    assert action.operation == "CreateCluster"
    assert action.creates
    assert action.params["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert action.params["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}}},
        {"statistics": [{"name": "x", "value": "1"}], "activeServicesCount": 3},
    ],
)
def test_echoes_are_no_change(more: dict[str, Any]) -> None:
    assert not changes(HANDLER, target(HANDLER, "test-x", {}), seen(**more))


def test_order_of_providers_means_nothing() -> None:
    strategy = [
        {"capacityProvider": "FARGATE_SPOT", "weight": 4, "base": 0},
        {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
    ]
    shown = seen(
        capacityProviders=["FARGATE_SPOT", "FARGATE"], defaultCapacityProviderStrategy=strategy
    )
    assert not changes(HANDLER, target(HANDLER, "test-x", PROVIDERS), shown)


def test_settings_are_one_call() -> None:
    shown = seen(settings=[{"name": "containerInsights", "value": "disabled"}])
    [action] = planned(HANDLER, target(HANDLER, "test-x", {}), shown)
    assert action.operation == "UpdateCluster"
    assert dict(action.params) == {
        "cluster": "test-x",
        "settings": [{"name": "containerInsights", "value": "enabled"}],
    }
    assert action.changes == ("settings[containerInsights]",)


def test_a_strategy_takes_the_providers_along() -> None:
    shown = seen(
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[
            {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 9, "base": 0},
        ],
    )
    [action] = planned(HANDLER, target(HANDLER, "test-x", PROVIDERS), shown)
    assert action.operation == "PutClusterCapacityProviders"
    assert action.params["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert action.changes == ("defaultCapacityProviderStrategy[FARGATE_SPOT].weight",)


def test_tags_of_others_stay() -> None:
    tags = seen().doc["cluster"]["tags"]
    shown = seen(tags=[*tags, {"key": "team", "value": "x"}, {"key": "aws:ecs:x", "value": "y"}])
    assert reported(changes(HANDLER, target(HANDLER, "test-x", {}), shown)) == {"tags[team]"}
    assert not planned(HANDLER, target(HANDLER, "test-x", {}), shown)


def test_being_provisioned_it_is_left_alone() -> None:
    shown = seen(status="PROVISIONING").doc
    assert HANDLER.modifiable(shown)
    assert HANDLER.readiness(shown).state == "in-progress"
