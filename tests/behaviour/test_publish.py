"""`plumbline publish`: checked, shown, handed over once, and whose it was is told everywhere."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from controller import publishing
from controller.cli import provenance
from controller.store import Conflict
from sandbox.inprocess import session
from sandbox.world import World
from tests.plane import Plane, small
from tests.stack import Person

NOISE = "".join(f"# {hashlib.sha512(bytes([n])).hexdigest()}\n" for n in range(45))
"""What can't be compressed, so that parts are needed."""

KEY = "environments/shop.yaml"


@pytest.fixture
def person(plane: Plane) -> Person:
    return Person(plane)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(small())
    return path


def there(person: Person) -> dict[str, Any]:
    found = person.plane.s3.get_object(Bucket=person.plane.bucket, Key=KEY)
    return {"text": found["Body"].read().decode(), **found["Metadata"]}


def test_a_file_is_shown_handed_over_and_taken_up(person: Person, file: Path) -> None:
    words = ("--commit", "4e711d0", "--author", "Zoë <z@example.org>")
    code, out, err = person.types("publish", file, "--yes", *words)
    assert (code, err) == (0, "")
    assert "+ LogGroup/app (shop-app): to be made" in out
    assert "→ logs:CreateLogGroup" in out
    assert "shop: published revision" in out
    assert f"s3://{person.plane.bucket}/{KEY}" in out
    assert there(person)["text"] == small()
    uploads = person.uploads()
    code, out, _ = person.types("publish", file, "--yes")
    assert (code, person.uploads()) == (0, uploads)
    assert "is published already" in out
    person.plane.converge()
    code, out, _ = person.types("status", "shop", "--stack", "plumbline")
    assert code == 0
    assert "commit 4e711d0 by Zoë <z@example.org>" in out
    status = person.plane.status()
    assert (status["commit"], status["author"]) == ("4e711d0", "Zoë <z@example.org>")
    _, out, _ = person.types("history", "shop", "--stack", "plumbline")
    assert f"RevisionAccepted  {status['revision']}  commit 4e711d0 by Zoë" in out
    file.write_text(small().partition("---\n")[0])
    code, _, err = person.types("publish", file, "--yes")
    assert code == 1
    assert "DesiredStateShrunken: the control plane would not take it" in err
    assert person.uploads() == uploads


def test_into_parameter_store_and_once(person: Person, file: Path) -> None:
    """What is broken there is replaced, what is the same is left alone."""
    person.register("  environments: {shop: {mode: enforce, source: parameterStore}}\n")
    name = "/plumbline/environments/shop"
    ssm = person.plane.aws.client("ssm")
    ssm.put_parameter(Name=name, Value='{"kind": "Publication"}', Type="String")
    assert person.types("publish", file, "--yes")[0] == 0
    begun = person.uploads()
    assert len(begun) == 1
    code, out, _ = person.types("publish", file, "--yes", "--commit", "another")
    assert code == 0
    assert f"is published already: parameter {name}" in out
    assert person.uploads() == begun
    person.plane.tick()
    assert person.plane.retention() == 30
    file.write_text(small(days=90) + NOISE)
    assert person.types("publish", file, "--yes")[0] == 0
    parts = ssm.get_parameters_by_path(Path=name, Recursive=True)["Parameters"]
    assert len(person.uploads()) == 1 + len(parts) + 1
    ssm.delete_parameter(Name=parts[0]["Name"])
    person.plane.world.fault("deny", "ssm:GetParametersByPath")  # what is old may stay
    assert person.types("publish", file, "--yes")[0] == 0
    person.plane.tick()
    assert person.plane.retention() == 90, "what somebody broke is mended by the same file"
    ssm.delete_parameter(Name=name)
    ssm.put_parameter(Name=name, Value="x", Type="SecureString")
    code, _, err = person.types("publish", file, "--yes")
    assert code == 1
    assert "found SecureString, allowed String" in err
    assert "delete that parameter first" in err


REFUSED = [
    (small(days=31), "", ["--yes"], ":9: LogGroup/app: spec.retentionInDays"),
    (small(), "  default: refused\n", ["--yes"], "no environment shop"),
    (small(), "  default: {mod: x}\n", ["--yes"], "registry.yaml:4: spec.default"),
    (small(), '  default: {account: "999988887777"}\n', ["--yes"], "--no-plan"),
    (small(), "  default: {mode: enforce}\n", [], "nobody can be asked here: say --yes"),
    (small(), "", ["--yes", "--stack", "x"], "no stack x in us-east-1: name another one"),
    (None, "", ["--yes"], "can't be read"),
]


def test_what_can_not_be_published_is_one_clear_line_and_changes_nothing(
    person: Person, file: Path
) -> None:
    for text, registry, args, says in REFUSED:
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        if registry:
            person.register(registry)
        code, _, err = person.types("publish", file, *args)
        assert code == 1
        [line] = [line for line in err.splitlines() if line]
        assert says in line
        assert KEY not in person.plane.store.list("environments/")


def test_a_person_is_asked_and_needs_no_plan_where_nobody_can_look(
    person: Person, file: Path
) -> None:
    from controller.cli import handing_over

    asked = []
    person.plane.patch.setattr(
        handing_over.sys, "stdin", type("Tty", (), {"isatty": lambda _: True})()
    )
    person.plane.patch.setattr(
        handing_over.click, "confirm", lambda text, abort: asked.append(text)
    )
    person.register('  default: {account: "999988887777"}\n')
    code, out, _ = person.types("publish", file, "--no-plan")
    assert code == 0
    assert "to be made" not in out
    assert asked == [f"Publish to s3://{person.plane.bucket}/{KEY}?"]
    assert there(person)["text"] == small()


def test_what_somebody_else_publishes_meanwhile_is_not_overwritten(
    person: Person, file: Path
) -> None:
    def now(service: str, _operation: str, params: dict[str, Any]) -> bool:
        if params.get("Names") is None and service == "logs":  # the plan is made
            person.plane.world.faults.clear()
            person.plane.publish(small(days=90))
        return False

    person.plane.world.fault("error", "none:none").match = now
    code, _, err = person.types("publish", file, "--yes")
    assert code == 1
    assert "somebody else has published shop meanwhile" in err
    assert there(person)["text"] == small(days=90)


def test_a_lost_reply_is_no_failure(world: World) -> None:
    """botocore sends it again, and S3 says that there is an object now: our own."""
    s3 = session(world).client("s3")
    s3.create_bucket(Bucket="state")
    world.fault("lost", "s3:Put")
    publishing.to_bucket(s3, "state", "shop", b"text", None, commit="", author="")
    assert s3.get_object(Bucket="state", Key=KEY)["Body"].read() == b"text"
    with pytest.raises(Conflict):
        publishing.to_bucket(s3, "state", "shop", b"other", None, commit="", author="")


def test_commit_and_author_are_git_s(tmp_path: Path) -> None:
    def git(*args: str) -> str:
        who = ["-c", "user.name=Alice", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(tmp_path), *who, *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    file = tmp_path / "shop.yaml"
    file.write_text(small())
    assert provenance.of(file) == ("", ""), "no work tree"
    git("init", "-q")
    git("config", "user.name", "Bob")
    assert provenance.of(file) == ("no-commit-dirty", "Bob")
    git("add", "shop.yaml")
    git("commit", "-qm", "x")
    head = git("rev-parse", "HEAD")
    assert provenance.of(file) == (head, "Alice <a@example.org>")
    (tmp_path / "other").write_text("x")
    git("add", "other")
    git("commit", "-qm", "not of this file")
    assert provenance.of(file) == (head, "Alice <a@example.org>")
    file.write_text(small(days=90))
    assert provenance.of(file) == (f"{git('rev-parse', 'HEAD')}-dirty", "Bob")


# --- the other commands, against a deployed control plane ---


def test_status_plan_drift_and_pause_find_it_by_its_stack(person: Person) -> None:
    plane = person.plane
    person.register("  environments: {shop: {mode: enforce, source: parameterStore}}\n")
    parameter = {"Name": "/plumbline/environments/shop", "Type": "String"}
    person.aws.client("ssm").put_parameter(**parameter, Value=small())
    plane.converge()
    plane.patch.setenv("PLUMBLINE_STACK", "plumbline")
    assert person.types("status", "shop")[0] == 0
    assert person.types("plan", "shop")[0] == 0
    plane.tamper()
    code, out, _ = person.types("drift", "shop")
    assert code == 2
    assert "retentionInDays: was 30, is 7, wanted 30" in out
    person.register('  environments: {shop: {account: "999988887777"}}\n')
    for command in ("plan", "drift", "apply"):
        code, _, err = person.types(command, "shop")
        assert code == 1
        assert "shop lives in account 999988887777, these credentials are for" in err
    code, out, _ = person.types("pause", "shop", "--for", "2h", "--stack", "plumbline")
    assert code == 0
    assert "pauses/shop.json" in plane.store.list("pauses/")
    code, _, err = person.types("status", "shop", "--stack", "plumbline", "--state", "s3://x")
    assert code == 1
    assert "--state and --stack: name one of them" in err
    assert person.types("status", "shop", "--state", f"s3://{plane.bucket}")[0] == 0
