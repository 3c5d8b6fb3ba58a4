"""Live resources as a desired-state file, proven to plan empty before anybody sees it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from controller.assess import OWNERSHIP, Assessment, assess
from controller.aws import Aws
from controller.complaints import validate
from controller.envelope import API_VERSION, Metadata
from controller.fields import fields_of
from controller.importing.drafting import Draft, Unwritable, draft, to_ignore
from controller.importing.finding import Live, Selection, find
from controller.importing.linking import link
from controller.importing.naming import manifest_name
from controller.importing.writing import text
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.manifest import DesiredStateError, Environment, load
from controller.policies import Doc
from controller.resolve import Bindings, Parameters, bind

FILE = "imported.yaml"
ORDER = (
    "SecurityGroup", "Secret", "LogGroup", "MetricFilter", "DBSubnetGroup", "DBParameterGroup",
    "DBInstance", "CacheSubnetGroup", "CacheParameterGroup", "ReplicationGroup", "Cluster",
    "Service", "IPSet", "WebACL", "Alarm", "CompositeAlarm", "Dashboard",
)  # fmt: skip
ODD = "AWS shows it otherwise than Plumbline can write it"


class Unfaithful(Exception):
    """The file would not say what it was made from. A defect of ours: nothing is written."""


@dataclass
class Imported:
    """A desired-state file. text: its YAML. keys: the resources in it.

    unread: what AWS did not tell; left_out: what was selected and is not in it; both with the
    reason. ignored: `Kind/name: path` of what is in it and can't be kept as it is.
    """

    text: str
    keys: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def import_file(
    aws: Aws, environment: str, selection: Selection, *, adopt: bool, title: str
) -> Imported:
    """The desired-state file of what is selected.

    adopt: manifests say `lifecycle.adopt: true` and the environment enforces; without, it only
    looks (`mode: observe`). title: the first line of the file's comment. Raises `Unreadable`;
    `DesiredStateError` if the file would not be one (more than a megabyte, say).
    """
    found, unread = find(aws, environment, selection)
    drafts, left_out = _drafts(found, environment)
    head = _environment(environment, adopt)
    if tags := _shared_tags(drafts):
        head.setdefault("spec", {})["tags"] = tags
    link(drafts)
    while True:
        lines = _head(title, [*unread, *left_out], adopt)
        written = text(lines, head, drafts, adopt=adopt)
        try:
            loaded = load(written.encode(), FILE)
            if set(loaded.resources) != {d.key for d in drafts}:
                raise Unfaithful(f"the file says {len(loaded.resources)} resources")
        except DesiredStateError as error:
            if not _give_in(drafts, left_out, error):
                raise
            continue
        if not _ignore_what_differs(loaded, drafts, aws):
            break
    ignored = [f"{d.key}: {path}" for d in drafts for path in d.ignore]
    return Imported(written, [d.key for d in drafts], unread, left_out, ignored)


def _drafts(found: Sequence[Live], environment: str) -> tuple[list[Draft], list[str]]:
    drafts: list[Draft] = []
    left_out: list[str] = []
    taken: dict[str, set[str]] = {}
    ours = [live for live in found if _own_name(live, environment)]
    ours.sort(key=lambda it: it.target.name != f"{environment}-{_own_name(it, environment)}")
    for live in [*ours, *(live for live in found if live not in ours)]:
        kind, target = live.handler.kind, live.target
        holder = live.handler.to_spec(live.present.doc).get("tags", {}).get(ENVIRONMENT_TAG)
        if holder not in (None, environment):
            left_out.append(f"{live.label}: the environment {holder} manages it")
            continue
        names = taken.setdefault(kind, set())
        mine = _own_name(live, environment)
        if mine in names:  # RDS gives a restored database the tags of the old one
            left_out.append(f"{live.label}: it carries the tags of {kind}/{mine}, which is another")
            continue
        name = mine or manifest_name(target.name, environment, names)
        try:
            drafts.append(draft(live, name))
            names.add(name)
        except Unwritable as error:
            left_out.append(f"{live.label}: {error}")
    drafts.sort(key=lambda d: (_place(d.handler.kind), d.name))
    return drafts, left_out


def _place(kind: str) -> int:
    """Where a kind stands in the file: what others need comes before them."""
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _own_name(live: Live, environment: str) -> str:
    """The name it has in this environment, if that made it or took it over."""
    tags: Doc = live.handler.to_spec(live.present.doc).get("tags", {})
    kind, _, name = tags.get(RESOURCE_TAG, "").partition("/")
    ours = tags.get(ENVIRONMENT_TAG) == environment and kind == live.handler.kind
    return name if ours and not validate(Metadata, {"name": name})[1] else ""


def _environment(name: str, adopt: bool) -> Doc:
    document: Doc = {"apiVersion": API_VERSION, "kind": "Environment", "metadata": {"name": name}}
    return document if adopt else {**document, "spec": {"mode": "observe"}}


def _shared_tags(drafts: Sequence[Draft]) -> dict[str, str]:
    """Tags that all resources carry are the environment's; they are taken from the drafts."""
    bearing = [
        d.spec.get("tags", {}) for d in drafts if "tags" in fields_of(d.handler.spec).members
    ]
    if len(bearing) < 2:
        return {}
    shared = {k: v for k, v in bearing[0].items() if all(t.get(k) == v for t in bearing)}
    for each in drafts:
        left = {k: v for k, v in each.spec.pop("tags", {}).items() if k not in shared}
        if left:
            each.spec["tags"] = left
    return shared


def _head(title: str, left_out: Sequence[str], adopt: bool) -> list[str]:
    lines = [title]
    if not adopt:
        lines.append(
            "Nothing here is managed yet: mode: observe shows drift and changes nothing. To take "
            "resources over, give each `lifecycle: {adopt: true}` and remove the mode, or import "
            "with --adopt."
        )
    if left_out:
        lines += ["", "Not in this file:", *left_out]
    return lines


def _give_in(drafts: list[Draft], left_out: list[str], error: DesiredStateError) -> bool:
    """Do without what the file is refused for: first the references, then the resource."""
    says = {p.field.partition(":")[0]: str(p.message) for p in reversed(error.problems)}
    wrong = [d for d in drafts if d.key in says]
    for each in wrong:
        if each.links:
            each.links.clear()
            continue
        left_out.append(f"{each.live.label}: {says[each.key]}")
        drafts.remove(each)
        for other in drafts:  # what referred to it has a dangling reference now
            marks = f"${{{each.handler.kind}.{each.name}."
            other.links = {p: t for p, t in other.links.items() if marks not in t}
    return bool(wrong)


def _ignore_what_differs(loaded: Environment, drafts: Sequence[Draft], aws: Aws) -> bool:
    """Whether something had to be left alone, so that the file does nothing by itself."""
    more = False
    for each in drafts:
        for path in map(_sayable, to_ignore(_assessed(loaded, each, drafts, aws).changes)):
            if path not in OWNERSHIP and path not in each.ignore:
                each.ignore[path] = _why(each, path)
                more = True
    return more


def _sayable(path: str) -> str:
    """The path, or the nearest one around it whose keys an ignore rule can name."""
    found = re.match(r"[^\[\]]*(\[[^\[\]${}]*\][^\[\]]*)*", path)
    return found[0].rstrip(".") if found else path


def _why(draft: Draft, path: str) -> str:
    """Why a path is left alone: for what was taken out there, in it or around it."""
    for removed, why in draft.removed.items():
        if path == removed or removed.startswith((f"{path}.", f"{path}[")) or path.startswith(
            (f"{removed}.", f"{removed}[")
        ):  # fmt: skip
            return why
    return ODD


def _assessed(loaded: Environment, it: Draft, drafts: Sequence[Draft], aws: Aws) -> Assessment:
    """As a pass would judge it."""
    place = {"name": loaded.name, "region": aws.region, "account": aws.account}
    bindings = Bindings({}, {d.key: d.outputs for d in drafts}, place)
    resource = loaded.resources[it.key]
    spec, problem = bind(resource, bindings, Parameters())
    target = it.live.target
    aim = replace(target, key=it.key, spec=spec, tags=dict(spec.get("tags", {})))
    return assess(
        resource, aim, it.handler, it.live.present, None, now=datetime.now(UTC), problem=problem,
        watching=True,
    )  # fmt: skip
