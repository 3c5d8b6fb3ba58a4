"""The registry: where environments live is bound here, and what is wrong with it is said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.registry import BadRegistry, Binding, Home, NotRegistered, Registry, parse
from controller.store import DirectoryStore

HOME = Home("123456789012", "us-east-1", "enforce")
HEAD = "apiVersion: plumbline.dev/v1\nkind: Registry\n"


def registry(spec: str) -> Registry:
    return Registry(HOME, parse(f"{HEAD}spec:\n{spec}".encode()))


def test_without_a_file_everybody_lives_at_home(tmp_path: Path) -> None:
    found = Registry.load(DirectoryStore(tmp_path), HOME)
    assert found.binding("shop") == Binding("123456789012", "us-east-1", "enforce")


def test_the_file_in_the_state_is_the_one_that_counts(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put("registry.yaml", f"{HEAD}spec: {{default: refused}}\n".encode(), None)
    with pytest.raises(NotRegistered, match="found no environment shop, and default: refused"):
        Registry.load(store, HOME).binding("shop")


def test_what_is_not_said_is_the_least() -> None:
    """A file that names an environment allows it to look, until it says more."""
    found = registry("  environments: {shop: {}}\n")
    assert found.binding("shop") == Binding("123456789012", "us-east-1", "observe")
    assert found.binding("other").mode == "observe"


def test_account_region_mode_and_roles_are_bound() -> None:
    found = registry(
        """
  default: refused
  environments:
    shop: {account: "999988887777", region: eu-central-1, mode: enforce,
           observeRole: look, converge_role: mend}
""".replace("converge_role", "convergeRole")
    )
    assert found.binding("shop") == Binding(
        "999988887777", "eu-central-1", "enforce", "look", "mend"
    )
    assert found.place("shop") == ("999988887777", "eu-central-1")
    assert found.place("other") is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("environments: {shop: {account: 999988887777}}", "spec.environments.shop.account"),
        ('environments: {shop: {account: "12"}}', "allowed: 12 digits in quotes"),
        ("environments: {shop: {region: Frankfurt}}", "allowed: a region, as eu-central-1"),
        ("environments: {shop: {mode: force}}", "spec.environments.shop.mode"),
        ('environments: {shop: {observeRole: "a b"}}', "allowed: the name of an IAM role"),
        ("environments: {Shop: {}}", "spec.environments"),
        ("environments: {shop: {modus: observe}}", "spec.environments.shop"),
        ("default: nowhere", "spec.default"),
        ("defaults: {}", "spec"),
        ("environments: {shop: {}, other: {}, shop: {}}", "the key shop is there twice"),
        ("environments: {shop: null}", "spec.environments.shop: found no value"),
        ("environments: [shop]", "spec.environments: found a list of one, allowed: a map"),
        ("default: {source: bucket}", "spec.default.source: found the unknown field source"),
    ],
)
def test_each_constraint_is_told_by_one_line_with_its_place(spec: str, says: str) -> None:
    with pytest.raises(BadRegistry) as told:
        parse(f"{HEAD}spec: {{{spec}}}\n".encode())
    [line] = str(told.value).splitlines()
    assert line.startswith("registry.yaml:3: "), line
    assert says in line, line


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(BadRegistry) as told:
        registry("  environments:\n    a: {mode: force}\n    b: {regon: eu-west-1}\n")
    first, second = str(told.value).splitlines()
    assert first == (
        'registry.yaml:5: spec.environments.a.mode: found "force", did you mean enforce?'
    )
    assert second.startswith("registry.yaml:6: spec.environments.b.regon: found the unknown field")
    assert second.endswith("did you mean region?")


def test_environments_of_one_account_and_region_stand_beside_each_other() -> None:
    """What one may touch of the other's is for ownership tags to say, not for places."""
    found = registry("  environments: {shop: {mode: enforce}, shop-eu: {mode: observe}}\n")
    assert found.place("shop") == found.place("shop-eu")
    assert (found.binding("shop").mode, found.binding("shop-eu").mode) == ("enforce", "observe")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: [", "registry.yaml:"),
        ("", "found nothing, allowed: one document"),
        (f"{HEAD}---\n{HEAD}", "found 2 documents, allowed: one"),
        ("apiVersion: plumbline.dev/v1\nkind: Environment\n", "kind"),
        ("apiVersion: plumbline.dev/v2\nkind: Registry\n", "apiVersion"),
    ],
)
def test_what_is_no_registry_is_none(text: str, says: str) -> None:
    with pytest.raises(BadRegistry, match=says.replace("[", "\\[")):
        parse(text.encode())
