"""`plumbline explain` and the reference of all kinds: what the models say, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.cli.main import run
from controller.complaints import see_through
from controller.envelope import EnvironmentDocument, ResourceDocument
from controller.explain import NotExplained, explain, kinds, reference_docs
from controller.fields import Field, fields_of
from controller.kinds import KINDS, handler_for
from controller.wording import described, first_sentence

ROOT = Path(__file__).parents[2]


def leaves(
    field: Field, at: str, seen: frozenset[object] = frozenset()
) -> Iterator[tuple[str, Field, type]]:
    """Every field: (path, field, the model it belongs to)."""
    from controller.explain import _inside

    inside = _inside(see_through(field))
    if inside.model is None or inside.model in seen:
        return
    for name, member in inside.members.items():
        yield f"{at}.{name}", member, inside.model
        yield from leaves(member, f"{at}.{name}", seen | {inside.model})


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described_and_explained(kind: str) -> None:
    root = fields_of(handler_for(kind).spec)
    silent = []
    for path, member, model in leaves(root, kind):
        text = explain(path)
        assert text.startswith(f"{path}\n")
        for fact in ("Type", "Required", "Default"):
            assert re.search(rf"^  {fact} +\S", text, re.M), text
        if not described(model, member.info, member.name):
            silent.append(path)
    assert not silent, "fields without a docstring"


@pytest.mark.parametrize("model", [EnvironmentDocument, ResourceDocument])
def test_the_envelope_is_described(model: type) -> None:
    for path, member, owner in leaves(fields_of(model), "x"):
        assert described(owner, member.info, member.name), path


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_lists_its_fields_and_outputs(kind: str) -> None:
    text = explain(kind)
    handler = handler_for(kind)
    for name in fields_of(handler.spec).members:
        assert re.search(rf"^  {name}\*? ", text, re.M), name
    assert f"${{{kind}.<name>.name}}" in text
    assert "https://docs.aws.amazon.com/" in text
    assert kind in kinds()


def test_a_field_in_full() -> None:
    assert explain("LogGroup.retentionInDays") == (
        "LogGroup.retentionInDays\n\n"
        "Days until log events expire, or never. AWS's own default is never; a month bounds the\n"
        "cost. With `logGroupClass: DELIVERY` AWS sets it, and nobody can change it: leave it\n"
        "out.\n\n"
        "  Type      one of 1, 2, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731,\n"
        "            1096, 1827, 2192, 2557, 2922, 3288, 3653, never\n"
        "  Required  no\n"
        "  Default   30 (Plumbline's)\n"
        "  Changes   made in place\n"
        "  AWS       an account-level retention policy may hold it: then it is no drift and is\n"
        "            not written (case 608)\n\n"
        "AWS: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html"
    )


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("LogGroup.logGroupClass", "STANDARD (AWS's)"),
        ("LogGroup.logGroupClass", "blocked: fixed at creation"),
        ("LogGroup.tags", "others are left alone (case 164)"),
        ("LogGroup.spec.tags", "LogGroup.tags"),
        ("LogGroup.metadata.name", "Required  yes"),
        ("LogGroup.lifecycle.prune", "one of delete, retain"),
        ("LogGroup.lifecycle.ignore[0].until", "a date like 2026-12-31"),
        ("DBInstance.backupRetentionPeriod", "0 to 35"),
        ("DBInstance.backupRetentionPeriod", "7 (Plumbline's)"),
        ("Service.containers[app].environment[MODE]", "Service.containers.environment"),
        ("WebACL.rules.geo.countries", "ISO 3166"),
        ("Environment.limits.maxDeletes", "2 (Plumbline's)"),
        ("Environment.spec.interval", "5m (Plumbline's)"),
        ("Environment", "How an environment is kept."),
    ],
)
def test_what_is_said(path: str, says: str) -> None:
    if path.endswith("[MODE]"):
        path = path.removesuffix("[MODE]")
    assert says in explain(path)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("DBInstanc", "did you mean DBInstance?"),
        ("dbinstance", "did you mean DBInstance?"),
        ("Nonsense", "allowed: "),
        ("LogGroup.retentionInDay", "did you mean retentionInDays?"),
        ("LogGroup.tags.deep", "nothing may stand here"),
        ("Environment.limits.maxDelete", "did you mean maxDeletes?"),
        ("", "the unknown kind"),
    ],
)
def test_what_is_not_there(path: str, says: str) -> None:
    with pytest.raises(NotExplained) as error:
        explain(path)
    assert says in str(error.value)


def test_the_reference_is_true() -> None:
    """Renew it: plumbline explain --reference > docs/reference/kinds.md"""
    held = (ROOT / "docs/reference/kinds.md").read_text()
    assert held == reference_docs(), "run: plumbline explain --reference > docs/reference/kinds.md"


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "LogGroup.kmsKeyId"]) == 0
    assert "ARN of the KMS key" in capsys.readouterr().out
    assert run(["explain"]) == 0
    assert "LogGroup" in capsys.readouterr().out
    assert run(["explain", "LogGrop"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "found the unknown kind LogGrop, did you mean LogGroup?\n")


def test_first_sentences() -> None:
    assert first_sentence("Of 16.4, e.g.\nthis. And that.") == "Of 16.4, e.g. this."
    assert first_sentence("no end") == "no end"
