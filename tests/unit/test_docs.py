"""The documentation is true where code can tell: generated pages, reasons, links, examples."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from controller.inventory import Record
from controller.manifest import load
from controller.references import find, resolve

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
FENCE = re.compile(r"^( *)```.*?^\1```$", re.S | re.M)


def generator() -> ModuleType:
    """docs/generate.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED = generator().PAGES


def source(name: str) -> str:
    return (ROOT / "controller" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", GENERATED)
def test_generated_pages_are_current(page: str) -> None:
    held = (ROOT / page).read_text(encoding="utf-8")
    assert held == GENERATED[page](), "run: make docs"


def test_every_reason_of_a_veto_has_its_entry() -> None:
    """docs/how-to/blocked.md names what the code says, no more and no less."""
    vetoes = set(re.findall(r"Veto\(\s*\"(\w+)\"", source("guards.py")))
    blocked = set(re.findall(r'out\["Blocked"\] = condition\(True, "(\w+)"', source("status.py")))
    refused = set(re.findall(r'"(DesiredState\w+)"', source("sources.py")))
    assert len(vetoes) >= 11
    assert len(blocked) >= 5
    assert len(refused) == 4
    page = (ROOT / "docs/how-to/blocked.md").read_text(encoding="utf-8")
    listed = re.findall(r"^### `(\w+)`$", page, re.M)
    assert len(listed) == len(set(listed))
    assert set(listed) == vetoes | blocked | refused


def test_what_waits_by_itself_is_listed_so() -> None:
    calls = re.findall(r"Veto\(\s*\"(\w+)\"(?:[^()]|\([^()]*\))*\)", source("guards.py"))
    waiting = set(
        re.findall(r"Veto\(\s*\"(\w+)\"(?:[^()]|\([^()]*\))*?waiting=True", source("guards.py"))
    )
    assert waiting < set(calls)
    page = (ROOT / "docs/how-to/blocked.md").read_text(encoding="utf-8")
    section = page.partition("## It waits by itself")[2].partition("## The whole file")[0]
    assert set(re.findall(r"^### `(\w+)`$", section, re.M)) == waiting


def test_every_field_of_the_inventory_is_explained() -> None:
    page = (ROOT / "docs/reference/state.md").read_text(encoding="utf-8")
    table = page.partition("## The inventory")[2].partition("`place`")[0]
    told = re.findall(r"`(\w+)`(?=[^|]*\|)", "\n".join(re.findall(r"^\| (`.*?\|)", table, re.M)))
    assert set(told) - {"Kind"} == {field.name for field in fields(Record)}


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target}"


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "docs/reference/desired-state.md"], ids=lambda p: p.name
)
def test_whole_files_in_the_documentation_are_valid(page: Path) -> None:
    found = re.findall(r"^```yaml\n(apiVersion.*?)^```$", page.read_text(), re.S | re.M)
    whole = [text for text in found if "kind: Environment" in text]
    assert whole
    for text in whole:
        assert load(text.encode(), page.name).resources


def test_an_image_of_ones_own_registry_is_named_as_told() -> None:
    page = (ROOT / "docs/how-to/own-images.md").read_text(encoding="utf-8")
    [image] = re.findall(r"^image: (\S+)", page, re.M)
    file = (ROOT / "desired_state/litellm/production.yaml").read_text(encoding="utf-8")
    [public] = set(re.findall(r"image: (\S+)", file))
    assert page.count(public) == 2, "pulled and tagged"
    assert f"{image} # {public.rpartition(':')[2]}" in page
    desired = load(file.replace(public, image).encode(), "production.yaml").resources
    uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/litellm-production/litellm"
    templates = (ROOT / "bootstrap/storage.yaml").read_text(encoding="utf-8")
    for key, name in (("Task/migrations", "migrations"), ("Service/gateway", "gateway")):
        spec = desired[key].spec["containers"][name]["image"]
        [(_, reference)] = find(spec)
        assert reference.parameter.replace("litellm-production", "${Environment}") in templates
        assert resolve(spec, lambda _: uri) == f"{uri}@{image.partition('@')[2]}"


@pytest.mark.parametrize(
    ("page", "of"),
    [
        ("docs/requirements.md", [f"R{number}" for number in range(1, 51)]),
        ("docs/explanation/safety.md", [f"I{number}" for number in range(1, 13)]),
        ("SECURITY.md", []),
    ],
)
def test_what_a_page_says_is_shown_by_is_there(page: str, of: list[str]) -> None:
    """Every test, file and make target that it names, and every requirement or promise once."""
    text = (ROOT / page).read_text("utf-8")
    assert re.findall(r"^\| ([RI]\d+) \|", text, re.M) == of
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for named in re.findall(r"`([^`]+)`", text):
        if named.startswith("make "):
            assert named.split()[1] in targets, named
        elif named.startswith(("tests/", "docs/", "desired_state/", "bootstrap/")):
            path, _, test = named.partition("::")
            assert (ROOT / path).exists(), named
            assert not test or f"def {test}(" in (ROOT / path).read_text("utf-8"), named
