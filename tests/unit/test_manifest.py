"""Desired state: what a sound file becomes. (Broken ones: tests/behaviour/test_bad_input.py.)"""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import Any

import pytest

from controller.kinds import KINDS, handler_for
from controller.manifest import (
    DesiredStateError,
    Environment,
    Ignore,
    Resource,
    check_resolved,
    load,
)
from controller.references import Reference, resolve
from tests.unit.blocks import emit
from tests.unit.samples import SAMPLES, environment, resource, sample


def loaded(*documents: dict[str, Any]) -> Environment:
    text = "---\n".join(emit(document)[0] for document in documents)
    return load(text.encode(), "test.yaml")


def one(kind: str, spec: dict[str, Any] | None = None, **more: Any) -> Resource:
    return loaded(environment(), resource(kind, spec=spec, **more)).resources[f"{kind}/sample"]


def problems(text: str) -> list[str]:
    with pytest.raises(DesiredStateError) as error:
        load(text.encode(), "f.yaml")
    return [str(p) for p in error.value.problems]


def test_there_is_a_sample_of_every_kind() -> None:
    assert set(SAMPLES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_loads_and_checks_again_unchanged(kind: str) -> None:
    made = one(kind)
    assert made.key == f"{kind}/sample"
    assert made.physical == "test-sample"
    assert made.lifecycle.prune == ("retain" if handler_for(kind).holds_data else None)
    checked = check_resolved(made, made.spec)
    assert checked.problems == []
    assert checked.doc == made.spec, "a checked spec must be its own normal form"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_name_among_its_outputs(kind: str) -> None:
    tags = {"of": f"${{{kind}.sample.name}}"}
    found = loaded(environment(), resource("LogGroup", "log", {"tags": tags}), resource(kind))
    assert found.resources["LogGroup/log"].spec["tags"]["of"] == "test-sample"
    assert list(found.resources) == [f"{kind}/sample", "LogGroup/log"]


def test_an_environment_without_anything_has_our_defaults() -> None:
    made = loaded(environment("prod"))
    assert (made.name, made.mode, made.interval_s) == ("prod", "enforce", 300)
    assert (made.tags, made.resources, made.file) == ({}, {}, "test.yaml")
    assert made.limit("max_deletes") == 2
    assert made.limit("max_removals") == 0


@pytest.mark.parametrize(("interval", "seconds"), [("90s", 90), ("1m", 60), ("24h", 86400)])
def test_intervals(interval: str, seconds: int) -> None:
    assert loaded(environment(interval=interval)).interval_s == seconds


def test_limits_are_numbers_or_parts() -> None:
    made = loaded(
        environment(limits={"maxChanges": "30%", "maxDeletes": 0, "maxRemovals": "100%"}),
        *(resource("LogGroup", f"l{n}") for n in range(7)),
    )
    assert made.limit("max_changes") == 3  # 30 % of 7, rounded up
    assert made.limit("max_deletes") == 0
    assert made.limit("max_removals") == 7


def test_the_revision_is_that_of_the_text() -> None:
    text = emit(environment())[0].encode()
    assert load(text, "a").revision == load(text, "b").revision
    assert load(text, "a").revision != load(text + b"# \n", "a").revision
    assert len(load(text, "a").revision) == 12


def test_tags_are_merged_and_marked() -> None:
    made = loaded(
        environment(tags={"team": "ai", "stage": "env"}),
        resource("LogGroup", spec={"tags": {"stage": "own"}}),
    ).resources["LogGroup/sample"]
    assert made.tags == {
        "team": "ai",
        "stage": "own",
        "plumbline:environment": "test",
        "plumbline:resource": "LogGroup/sample",
    }
    assert {"tags[team]", "tags[stage]"} <= made.written
    assert "tags[plumbline:resource]" not in made.written
    assert made.raw == {"tags": {"stage": "own"}}


def test_too_many_tags_are_counted_together() -> None:
    tags = {f"e{n}": "x" for n in range(20)}
    more = {f"r{n}": "x" for n in range(19)}
    text = emit(environment(tags=tags))[0]
    text += "---\n" + emit(resource("LogGroup", spec={"tags": more}))[0]
    [said] = problems(text)
    assert "found 41 tags with the environment's and Plumbline's own 2, allowed: 40" in said


def test_what_is_written_is_told_from_our_defaults() -> None:
    made = one("LogGroup", {"logGroupClass": "STANDARD"})
    assert made.spec["retentionInDays"] == 30
    assert made.written == {"logGroupClass"}
    assert "retentionInDays" not in made.raw


def test_lines_of_paths_as_drift_reports_show_them() -> None:
    spec = sample("Service")
    spec["containers"]["app"]["environment"] = {"MODE": "x"}
    spec["containers"]["app"]["portMappings"] = [{"containerPort": 80, "protocol": "tcp"}]
    head = emit(environment())[0] + "---\n"
    text, lines = emit(resource("Service", spec=spec), head.count("\n") + 1)
    made = load((head + text).encode(), "f").resources["Service/sample"]
    app = ("spec", "containers", "app")
    assert made.lines["containers[app].environment[MODE]"] == lines[*app, "environment", "MODE"]
    assert (
        made.lines["containers[app].portMappings[80/tcp].protocol"]
        == (lines[*app, "portMappings", 0, "protocol"])
    )
    assert (
        made.line_of("containers[app].portMappings[80/tcp].name")
        == (lines[*app, "portMappings", 0])
    )
    assert made.line_of("containers[app].cpu") == lines[app]
    assert made.line_of("desiredCountX") == made.line


def test_lifecycle() -> None:
    made = one(
        "LogGroup",
        lifecycle={
            "mode": "observe",
            "prune": "delete",
            "adopt": True,
            "ignore": [
                {"path": "retentionInDays", "reason": "by hand", "until": "2026-12-31"},
                {"path": "tags[x]", "reason": "another tool"},
            ],
        },
    ).lifecycle
    assert (made.mode, made.prune, made.adopt) == ("observe", "delete", True)
    assert made.ignore == (
        Ignore("retentionInDays", "by hand", date(2026, 12, 31)),
        Ignore("tags[x]", "another tool", None),
    )


def test_external_names() -> None:
    document = resource("LogGroup")
    document["metadata"]["externalName"] = "aws-waf-logs-${Environment.name}"
    made = loaded(environment(), document)
    assert made.resources["LogGroup/sample"].physical == "aws-waf-logs-test"


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ("one", "two", True),
        ("one", "one", False),
        ("one", "arn:aws:ecs:eu-west-1:111122223333:cluster/one", False),
        ("${Cluster.sample.name}", "${Cluster.other.arn}", True),
        ("${Cluster.sample.name}", "${Cluster.sample.arn}", False),
        ("${Cluster.sample.name}", "test-sample", False),
        ("${Cluster.sample.name}", "${ssm:/cluster}", False),
        ("${ssm:/cluster}", "two", False),
    ],
)
def test_one_name_may_stand_in_two_clusters(first: str, second: str, both: bool) -> None:
    documents = [environment(), resource("Cluster"), resource("Cluster", "other")]
    for name, cluster in (("a", first), ("b", second)):
        document = resource("Service", name, {**sample("Service"), "cluster": cluster})
        document["metadata"]["externalName"] = "web"
        documents.append(document)
    text = "---\n".join(emit(document)[0] for document in documents)
    if both:
        assert {"Service/a", "Service/b"} <= set(load(text.encode(), "f.yaml").resources)
    else:
        [problem] = problems(text)
        assert 'found the name "web", which Service/a (line' in problem


def test_a_task_and_a_service_share_their_names() -> None:
    """Both name their task definition as themselves."""
    text = "---\n".join(
        emit(document)[0]
        for document in (environment(), resource("Task", "app"), resource("Service", "app"))
    )
    [problem] = problems(text)
    assert 'Service/app: metadata.name: found the name "test-app", which Task/app (line' in problem
    assert "as name of its task definition, allowed: one that no other Service or Task has" in (
        problem
    )


def test_one_name_may_stand_in_two_scopes() -> None:
    acls = [
        resource("WebACL", name, {"defaultAction": "allow", "scope": scope, "rules": {}})
        for name, scope in (("a", "REGIONAL"), ("b", "CLOUDFRONT"))
    ]
    for document in acls:
        document["metadata"]["externalName"] = "edge"
    assert len(loaded(environment(), *acls).resources) == 2


def test_what_only_aws_knows_waits_and_the_rest_is_filled_in() -> None:
    tags = {
        "a": "${Environment.name}-${Environment.region}",
        "b": "${LogGroup.other.arn}",
        "c": "${LogGroup.other.name}",
    }
    made = loaded(
        environment(),
        resource("LogGroup", spec={"tags": tags, "kmsKeyId": "${ssm:/key}"}),
        resource("LogGroup", "other"),
    )
    assert list(made.resources) == ["LogGroup/other", "LogGroup/sample"]
    spec = made.resources["LogGroup/sample"].spec
    assert spec["tags"]["a"] == "test-${Environment.region}"
    assert spec["tags"]["b"] == "${LogGroup.other.arn}"
    assert spec["tags"]["c"] == "test-other"
    assert spec["kmsKeyId"] == "${ssm:/key}"
    assert made.resources["LogGroup/sample"].depends_on == ("LogGroup/other",)


def test_a_literal_stays_escaped() -> None:
    spec = sample("Service")
    spec["containers"]["app"]["command"] = ["sh", "-c", "echo $${HOME} ${Environment.name}"]
    made = one("Service", spec)
    assert made.spec["containers"]["app"]["command"][2] == "echo $${HOME} test"
    assert check_resolved(made, made.spec).doc == made.spec


def test_a_whole_reference_may_stand_for_any_type() -> None:
    made = one("LogGroup", {"retentionInDays": "${ssm:/days}", "tags": "${ssm:/tags}"})
    assert made.spec["retentionInDays"] == "${ssm:/days}"


def test_a_secrets_value_only_where_it_is_write_only() -> None:
    spec = {**sample("DBInstance"), "masterUserPassword": "${Secret.db.value}"}
    del spec["manageMasterUserPassword"]
    made = loaded(environment(), resource("DBInstance", spec=spec), resource("Secret", "db", {}))
    kept = made.resources["DBInstance/sample"]
    assert kept.spec["masterUserPassword"] == "${Secret.db.value}"
    assert kept.depends_on == ("Secret/db",)


def bound(made: Resource, **values: Any) -> Any:
    def lookup(ref: Reference) -> Any:
        return values[ref.parameter]

    return check_resolved(made, resolve(made.spec, lookup))


def test_resolved_values_take_the_type_of_their_field() -> None:
    spec = {"retentionInDays": "${ssm:days}", "deletionProtectionEnabled": "${ssm:on}",
            "tags": {"port": "${ssm:port}"}}  # fmt: skip
    checked = bound(one("LogGroup", spec), days="30", on="true", port=5432)
    assert checked.problems == []
    assert checked.doc["retentionInDays"] == 30
    assert checked.doc["deletionProtectionEnabled"] is True
    assert checked.doc["tags"]["port"] == "5432"


def test_a_resolved_list_stays_one() -> None:
    made = one("DBSubnetGroup", {"subnetIds": "${ssm:subnets}"})
    checked = bound(made, subnets=["subnet-0a1b2c3d", "subnet-1a1b2c3d"])
    assert checked.doc["subnetIds"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]


def test_resolved_values_are_checked_again() -> None:
    made = one("LogGroup", {"retentionInDays": "${ssm:days}", "kmsKeyId": "${ssm:key}"})
    checked = bound(made, days="8", key="alias/x")
    assert len(checked.problems) == 2
    assert checked.problems[0].startswith("spec.retentionInDays: found 8, allowed: 1, 2, 3, 5")
    assert checked.problems[1] == (
        'spec.kmsKeyId: found "alias/x", allowed: the ARN of a KMS key, or none'
    )


def test_removed_resources_know_only_their_marks() -> None:
    gone = Resource.removed(loaded(environment()), "LogGroup/old", "test-old", "delete")
    assert (gone.kind, gone.name, gone.physical) == ("LogGroup", "old", "test-old")
    assert gone.tags["plumbline:resource"] == "LogGroup/old"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSWORD_FILE", "/run/secret"), ("DB_PASSWORD_ARN", "x"), ("SECRET_NAME", "db"),
        ("TOKEN_PATH", "/x"), ("USE_TOKEN", "true"), ("MAX_TOKENS", "100"), ("API_KEY", ""),
        ("TOKEN", "0"), ("API_KEY", "${ssm:/key}"), ("PASSWORD_ENCRYPTION", "scram-sha-256"),
        ("DB_PASSWORD", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"),
        ("KEYBOARD", "qwertz"), ("URL", "https://example.org:8080/a@b"), ("MONKEY", "x"),
        ("URL", "redis://:${Secret.x.arn}@host"), ("TASK_ID", "task-abcdefghijklmnopqrst"),
    ],
)  # fmt: skip
def test_what_is_no_secret_is_left_in_peace(name: str, value: str) -> None:
    spec = sample("Service")
    spec["containers"]["app"]["environment"] = {name: value}
    loaded(environment(), resource("Service", spec=spec), resource("Secret", "x", {}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"), ("dbPassword", "hunter2"), ("API_KEY", "abc"),
        ("PRIVATE_KEY_2", "abc"), ("MY_TOKEN", "abc"), ("SECRET_KEY_BASE", "abc"),
        ("note", "AKIAIOSFODNN7EXAMPLE"), ("note", "sk-abcdefghijklmnop1234"),
        ("note", "ghp_" + "a" * 36), ("note", "xoxb-1234567890-abc"),
        ("note", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig"),
        ("note", "postgres://app:hunter2@db/app"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_refused_and_not_shown(name: str, value: str) -> None:
    text = emit(environment())[0] + "---\n"
    text += emit(resource("LogGroup", spec={"tags": {name: value}}))[0]
    [said] = problems(text)
    assert "secrets never stand in the file" in said
    assert value not in said


def test_values_under_secret_names_are_never_shown() -> None:
    spec = sample("Service")
    spec["containers"]["app"]["environment"] = {
        "DB_PASSWORD": 8472655, "API_TOKEN": "${8472655", "MY_SECRET": "${8472655}",
    }  # fmt: skip
    text = emit(environment())[0] + "---\n" + emit(resource("Service", spec=spec))[0]
    said = problems(text)
    assert len(said) == 3
    assert not any("8472655" in row for row in said)


def test_an_error_is_one_line_whatever_the_names_hold() -> None:
    spec = {"tags": {"a\nb\x1b[31m": 5, "plumbline:x\u2028y": "z"}}
    text = emit(environment())[0] + "---\n" + emit(resource("LogGroup", spec=spec))[0]
    text = text.replace("\u2028", "\\u2028")
    for row in problems(text):
        assert len(row.splitlines()) == 1
        assert "\x1b" not in row


def test_importing_it_is_cheap() -> None:
    """A cold Lambda pays for every import."""
    code = (
        "import sys; import controller.manifest, controller.loading\n"
        "bad = {'rich', 'click', 'jsonschema', 'controller.wording'} & set(sys.modules)\n"
        "kinds = [m for m in sys.modules if m.startswith('controller.kinds.')]\n"
        "print(sorted(bad), kinds)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[] []"
