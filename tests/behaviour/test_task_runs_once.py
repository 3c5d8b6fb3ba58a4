"""Promise: work that is done once is done once for each definition, before what waits for it, and
never twice, whatever is killed, lost or forgotten in between."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.errors import Killed
from sandbox.perturb_ecs import crowded, exits
from sandbox.pytest_plugin import new_world
from sandbox.world import World
from tests.harness import Plant, environment, resource
from tests.rewind import Rewind

NAME = "litellm-production"
CLUSTER, FAMILY, SERVICE = f"{NAME}-main", f"{NAME}-migrations", f"{NAME}-gateway"
RUN = ["ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:RunTask", "ecs:TagResource"]
PLACE = f"""
  cluster: "${{Cluster.main.name}}", cpu: 512, memory: 4096,
  executionRoleArn: "${{ssm:/plumbline/{NAME}/roles/execution}}",
  networkConfiguration: {{subnets: "${{ssm:/plumbline/{NAME}/network/private-subnets}}"}}
"""


def desired(image: str = "litellm:1", *, more: str = "", serving: str = "", **life: str) -> str:
    """A cluster, the migration of an image, and a service of it that waits for the migration."""
    work = f'{PLACE}, containers: {{app: {{image: "{image}", command: [migrations]}}}}{more}'
    served = f'{PLACE}, desiredCount: 1, containers: {{app: {{image: "{serving or image}"}}}}'
    return environment(
        resource("Cluster", "main", ""),
        resource("Service", "gateway", served, "lifecycle: {dependsOn: [Task/migrations]}\n"),
        resource("Task", "migrations", work, life.get("task", "")),
        spec="prune: delete",
    )


def operations(plant: Plant, *, of: str = "") -> list[str]:
    """What we wrote since the checkpoint, refused calls left out; of: where the request says so."""
    return [c.name for c in plant.writes() if c.error is None and of in str(c.params)]


def ready(plant: Plant) -> dict[str, Any]:
    """The task's condition Ready."""
    found: dict[str, Any] = plant.status()["resources"]["Task/migrations"]["conditions"]["Ready"]
    return found


def image(plant: Plant) -> str:
    """What the service runs."""
    ecs = plant.aws.client("ecs")
    found = ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0]
    revision = ecs.describe_task_definition(taskDefinition=found["taskDefinition"])
    return str(revision["taskDefinition"]["containerDefinitions"][0]["image"])


def settle(plant: Plant, passes: int = 12) -> None:
    """So many passes, a minute apart."""
    for _ in range(passes):
        plant.run()
        plant.later()


@pytest.fixture(scope="module")
def base() -> tuple[Plant, Rewind]:
    """A converged environment, some hours later: AWS has forgotten the task."""
    made = Plant(new_world(1), desired())
    made.converge()
    made.later(3 * 3600)
    return made, Rewind(made)


@pytest.fixture
def plant(base: tuple[Plant, Rewind]) -> Plant:
    """The same for each test."""
    base[1]()
    return base[0]


def test_it_runs_once_before_the_service_is_made(world: World) -> None:
    plant = Plant(world, desired())
    plant.converge()
    assert operations(plant) == ["ecs:CreateCluster", *RUN, "ecs:RegisterTaskDefinition",
                                 "ecs:CreateService"]  # fmt: skip
    assert ready(plant) == {**ready(plant), "status": "True", "reason": "Succeeded"}
    plant.checkpoint()
    plant.later(3 * 3600)  # by now AWS has forgotten the task
    assert plant.run().converged
    assert operations(plant) == []
    reads = sorted({c.operation for c in plant.calls() if FAMILY in str(c.params)})
    assert reads == ["DescribeTaskDefinition", "ListTaskDefinitions"]


def test_a_new_definition_runs_before_the_new_image_is_rolled_out(plant: Plant) -> None:
    plant.publish(desired("litellm:2"))
    plant.run()
    assert operations(plant) == RUN[:3]
    plant.later()
    plant.converge()
    assert operations(plant) == [*RUN, "ecs:RegisterTaskDefinition", "ecs:UpdateService"]
    assert image(plant) == "litellm:2"


def test_a_definition_that_was_run_before_is_not_run_again(plant: Plant) -> None:
    plant.publish(desired("litellm:2"))
    plant.converge()
    plant.checkpoint()
    plant.publish(desired("litellm:1"))
    plant.converge()
    assert operations(plant, of=FAMILY) == []
    assert image(plant) == "litellm:1"


def test_what_failed_says_so_and_holds_back_what_waits_for_it(plant: Plant) -> None:
    exits(plant.world, FAMILY, app=3)
    plant.publish(desired("litellm:2"))
    settle(plant)
    assert operations(plant) == RUN  # once, and no roll-out
    plant.later(3 * 3600)
    report = plant.run()
    told = ready(plant)
    assert (told["status"], told["reason"]) == ("False", "RunFailed")
    assert "app exited with 3" in told["message"]
    assert "Essential container in task exited" in told["message"]
    held = plant.status()["resources"]["Service/gateway"]["conditions"]["Blocked"]
    assert (held["status"], held["reason"]) == ("True", "DependencyNotReady")
    assert "run 1 failed" in held["message"]
    assert not report.waiting
    assert image(plant) == "litellm:1"


def test_drift_is_mended_while_a_migration_has_failed(plant: Plant) -> None:
    exits(plant.world, FAMILY, app=1)
    plant.publish(desired("litellm:2", serving="litellm:1"))
    settle(plant)
    plant.checkpoint()
    ecs = plant.aws.client("ecs")
    ecs.update_service(cluster=CLUSTER, service=SERVICE, enableExecuteCommand=False,
                       deploymentConfiguration={"maximumPercent": 150})  # fmt: skip
    settle(plant, 2)
    assert operations(plant) == ["ecs:UpdateService"]


def test_a_failed_run_is_tried_again_when_asked_for(plant: Plant) -> None:
    exits(plant.world, FAMILY, app=1)
    plant.publish(desired("litellm:2"))
    settle(plant)
    exits(plant.world, FAMILY)
    plant.checkpoint()
    plant.publish(desired("litellm:2", more=", run: 2"))
    plant.converge()
    assert operations(plant)[:3] == RUN[1:]
    assert image(plant) == "litellm:2"


def test_what_was_never_started_says_why(plant: Plant) -> None:
    plant.publish(desired("broken:2"))
    settle(plant)
    assert "CannotPullContainerError" in ready(plant)["message"]


@pytest.mark.parametrize(
    ("kind", "at"), [("kill-before", 0), *(("kill-after", n) for n in range(4)), ("lost", 2)]
)
def test_killed_at_any_call_it_runs_once(plant: Plant, kind: str, at: int) -> None:
    earlier = RUN[:at].count(RUN[at])
    plant.world.fault(kind, RUN[at], after=earlier)
    plant.publish(desired("litellm:2"))
    if kind == "lost":
        plant.converge()
    else:
        with pytest.raises(Killed):
            plant.converge()
        plant.revive()
        plant.converge()
    tasks = [t for t in plant.world.store("ecs")["tasks"].values() if t["_family"] == FAMILY]
    assert len(tasks) == 1
    assert image(plant) == "litellm:2"


@pytest.mark.parametrize(("call", "kind"), [("ecs:RunTask", "kill-before"),
                                           ("ecs:RunTask", "kill-after")])  # fmt: skip
def test_what_may_have_run_is_not_run_again(plant: Plant, call: str, kind: str) -> None:
    plant.world.fault(kind, call)
    plant.publish(desired("litellm:2"))
    with pytest.raises(Killed):
        plant.converge()
    plant.later(3 * 3600)  # nobody looked until AWS had forgotten
    plant.revive()
    plant.checkpoint()
    settle(plant, 3)
    assert operations(plant) == []
    assert ready(plant)["reason"] == "OutcomeUnknown"
    plant.publish(desired("litellm:2", more=", run: 2"))
    plant.converge()
    assert image(plant) == "litellm:2"


def test_what_aws_refuses_to_run_was_not_run(plant: Plant) -> None:
    plant.world.fault("invalid", "ecs:RunTask")
    plant.publish(desired("litellm:2"))
    plant.run()
    plant.later(3 * 3600)
    plant.converge()
    assert image(plant) == "litellm:2"


def test_what_finds_no_room_is_asked_for_until_there_is_some(plant: Plant) -> None:
    crowded(plant.world, CLUSTER)
    plant.publish(desired("litellm:2"))
    settle(plant, 6)
    said = plant.run().outcomes[-1]
    assert "RESOURCE:MEMORY" in said.message
    assert said.waiting
    crowded(plant.world, CLUSTER, full=False)
    plant.converge()
    assert image(plant) == "litellm:2"


def test_without_memory_nothing_is_run_again(plant: Plant) -> None:
    s3 = plant.aws.client("s3")
    s3.delete_object(Bucket=plant.bucket, Key=f"inventory/{NAME}.json")
    plant.converge()
    assert operations(plant) == []


def test_a_new_version_of_a_secret_runs_nothing(world: World) -> None:
    text = desired(more=', tags: {a: "1"}').replace(
        "command: [migrations]", 'command: [migrations], secrets: {P: "${Secret.p.arn}"}'
    )
    plant = Plant(world, text + "---\n" + resource("Secret", "p", "generate: {length: 40}"))
    plant.converge()
    plant.checkpoint()
    secrets = plant.aws.client("secretsmanager")
    found = secrets.list_secrets()["SecretList"]
    secrets.put_secret_value(SecretId=found[0]["ARN"], SecretString="x" * 40)
    settle(plant, 3)
    assert operations(plant) == []
    assert plant.run().converged


def test_others_revisions_of_the_family_change_nothing(plant: Plant) -> None:
    ecs = plant.aws.client("ecs")
    theirs = {"name": "app", "image": "evil:1", "memory": 100}
    ecs.register_task_definition(family=FAMILY, containerDefinitions=[theirs])
    plant.later(5)
    plant.converge()
    assert operations(plant) == []


def test_paused_and_observed_it_does_not_run(plant: Plant) -> None:
    for mode in ("observe", "paused"):
        plant.publish(desired("litellm:3", task=f"lifecycle: {{mode: {mode}}}\n"))
        settle(plant, 2)
        assert operations(plant, of=FAMILY) == []


def test_where_it_runs_may_change_without_a_run(plant: Plant) -> None:
    plant.publish(desired(more=", platformVersion: 1.4.0"))
    plant.converge()
    assert operations(plant, of=FAMILY) == []


def test_removed_and_declared_again_it_is_run_again(plant: Plant) -> None:
    without = re.sub(r"---\napiVersion[^-]*kind: Task\n.*\Z", "", desired(), flags=re.S)
    plant.publish(without.replace("lifecycle: {dependsOn: [Task/migrations]}\n", ""))
    plant.converge()
    plant.run()
    assert operations(plant) == ["ecs:TagResource"]
    assert "Task/migrations" not in plant.status()["resources"]
    plant.checkpoint()
    plant.publish(desired())
    plant.converge()
    assert operations(plant) == RUN[1:]  # the revision stood
