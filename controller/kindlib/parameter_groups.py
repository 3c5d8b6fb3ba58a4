"""Parameter groups of RDS and ElastiCache: the same resource under two names.

Only parameters that somebody set (`Source=user`) are read, for AWS shows hundreds (case 124). A
parameter that we declare and AWS does not count as set is looked up in the whole list, once it is
missed: AWS may count a value that equals the default as not set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from controller.aws import Aws, AwsFailure
from controller.batching import batches
from controller.diff import Change
from controller.handler import Absent, Action, Observation, Present, Target
from controller.kept import for_a_while
from controller.kindlib.named_groups import NamedGroupHandler, Words
from controller.kindlib.planning import by_field, entry_key, paths
from controller.kindlib.reading import all_unknown, environment_of, tag_list
from controller.kindlib.resource_tags import tag_actions
from controller.policies import Canonical, Doc
from controller.spec import holds_reference

MOST = 20
"""Parameters that AWS takes in one call (case 100)."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def plain(value: str) -> str:
    """A value in its one form: numbers without idle zeros, other text as it stands."""
    value = str(value).strip()
    if not _NUMBER.fullmatch(value):
        return value
    try:
        return format(Decimal(value).normalize(), "f")
    except InvalidOperation:
        return value


_SWITCHES = {"on": "1", "true": "1", "yes": "1", "off": "0", "false": "0", "no": "0"}


def database_plain(value: str) -> str:
    """A value of RDS in its one form: booleans 1 and 0, formulas and lists without blanks."""
    value = plain(value)
    value = _SWITCHES.get(value.lower(), value)
    if "{" in value:
        return "".join(value.split())
    return re.sub(r"\s*,\s*", ",", value)


def value_text(true: str, false: str) -> Callable[[Any], str]:
    """What turns a YAML value into AWS's text; `true` and `false` as that engine spells them."""

    def convert(value: Any) -> str:
        if isinstance(value, bool):
            return true if value else false
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return value if isinstance(value, str) else format(Decimal(str(value)), "f")

    return convert


def lower_names(parameters: dict[str, str]) -> dict[str, str]:
    """Names in lower case, as AWS keeps them (case 97)."""
    lowered: dict[str, str] = {}
    for name, value in parameters.items():
        if name.lower() in lowered:
            raise ValueError(f"{name}: named twice (letter case means nothing here)")
        if not holds_reference(name) and not re.fullmatch(r"\w[\w.():/ -]*", name):
            raise ValueError(f"{name!r} is no parameter name")
        lowered[name.lower()] = value
    return lowered


DatabaseValue = Annotated[
    str | int | float | bool,
    AfterValidator(value_text("1", "0")),
    Canonical(database_plain, cases=(124,)),
]
"""Text or number; RDS spells booleans 1 and 0."""
CacheValue = Annotated[
    str | int | float | bool,
    AfterValidator(value_text("yes", "no")),
    Canonical(plain, cases=(124,)),
]
"""Text or number; Redis and Valkey spell booleans yes and no."""


@dataclass(frozen=True, slots=True)
class ParameterWords(Words):
    """read: lists the parameters of a group. items: the member of a change that lists parameters.
    methods: True if each says when it is to apply (`ApplyMethod`)."""

    read: str
    items: str
    methods: bool

    @property
    def family(self) -> str:
        """The member with its family."""
        return f"{self.noun}Family"


class ParameterGroupHandler(NamedGroupHandler):
    """Knows one of the two kinds; found by its name."""

    words: ClassVar[ParameterWords]

    def observe(self, aws: Aws, targets: Sequence[Target]) -> dict[str, Observation]:
        one = self.one(targets)
        found, *parameters = aws.gather(
            partial(self.found, aws, one),
            *(partial(self._parameters, aws, t) for t in targets),
        )
        if isinstance(found, AwsFailure):
            if one and found.failure == "not-found":
                return {targets[0].key: Absent()}
            return all_unknown(targets, found)
        by_name = self.by_name(found)
        present = [
            (t, by_name[t.name.lower()], values)
            for t, values in zip(targets, parameters, strict=True)
            if t.name.lower() in by_name
        ]
        seen = aws.gather(*(partial(self._whole, aws, *there) for there in present))
        out: dict[str, Observation] = {t.key: Absent() for t in targets}
        return out | {t.key: whole for (t, _, _), whole in zip(present, seen, strict=True)}

    def _whole(
        self, aws: Aws, target: Target, group: Mapping[str, Any], parameters: Doc | AwsFailure
    ) -> Observation:
        """A group with its parameters and tags; what can't be read is unknown by name."""
        doc: Doc = {"group": group}
        unknown = {}
        if isinstance(parameters, AwsFailure):
            unknown["parameters"] = str(parameters)
        else:
            doc["parameters"] = parameters
        try:
            doc["tags"] = self.tags(aws, target, group)
        except AwsFailure as failure:
            unknown["tags"] = str(failure)
        return Present(doc, unknown)

    def _parameters(self, aws: Aws, target: Target) -> Doc:
        """By name. Nothing that AWS shows of a group tells whether its parameters changed."""
        what = (self.words.service, "parameters", target.name)
        return for_a_while(aws, environment_of(target), what, partial(self._listed, aws, target))

    def _listed(self, aws: Aws, target: Target) -> Doc:
        words = self.words
        request = {words.name: target.name}
        found = aws.pages(words.service, words.read, "Parameters", {**request, "Source": "user"})
        mine = {p["ParameterName"].lower(): p for p in found}
        missed = [name for name in target.spec.get("parameters", {}) if name not in mine]
        if missed:
            everything = aws.pages(words.service, words.read, "Parameters", request)
            known = {p["ParameterName"].lower(): p for p in everything}
            mine |= {name: known[name] for name in missed if name in known}
        return mine

    def to_spec(self, doc: Mapping[str, Any]) -> Doc:
        group = doc["group"]
        spec: Doc = {"tags": dict(doc.get("tags", {}))}
        if family := group.get(self.words.family):
            spec["family"] = family
        if description := group.get("Description", "").strip():
            spec["description"] = description
        values = {
            name: p["ParameterValue"]
            for name, p in doc.get("parameters", {}).items()
            if p.get("ParameterValue") is not None
        }
        if values:
            spec["parameters"] = values
        return spec

    def plan(
        self, target: Target, observed: Present | Absent, changes: Sequence[Change]
    ) -> list[Action]:
        """At most 20 parameters to a call (cases 100, 124): first those that are set, then those
        that go back to AWS's default. RDS applies dynamic ones at once, and static ones at the next
        reboot of each instance.
        """
        words, spec = self.words, target.spec
        if isinstance(observed, Absent):
            params: Doc = {
                words.name: target.name,
                words.family: spec["family"],
                "Description": spec.get("description") or f"Plumbline: {target.key}",
                "Tags": tag_list(target.tags),
            }
            create = f"Create{words.noun}"
            actions = [Action(words.service, create, params, step="create", creates=True)]
            values = list(spec.get("parameters", {}).items())
            for index, batch in enumerate(batches(values, MOST), 1):
                done = tuple(f"parameters[{name}]" for name, _ in batch)
                items = [self._item(name, value, "pending-reboot") for name, value in batch]
                actions.append(self._set(target, index, items, done, ("create",)))
            return actions
        known = observed.doc.get("parameters", {})
        fields = by_field(changes)
        todo = fields.get("parameters", [])
        actions = []
        for index, some in enumerate(batches([c for c in todo if c.wanted is not None], MOST), 1):
            items = [
                self._item(entry_key(c), c.wanted, _method(known.get(entry_key(c)))) for c in some
            ]
            actions.append(self._set(target, index, items, paths(some)))
        for index, some in enumerate(batches([c for c in todo if c.wanted is None], MOST), 1):
            items = [self._reset_item(entry_key(c), known.get(entry_key(c))) for c in some]
            params = {words.name: target.name, words.items: items}
            reset = f"Reset{words.noun}"
            actions.append(Action(words.service, reset, params, paths(some), step=f"reset-{index}"))
        if "tags" in fields:
            arn = self.arn(target, observed.doc["group"])
            actions += tag_actions(words.service, arn, fields["tags"])
        return actions

    def _set(
        self, target: Target, index: int, items: list[Doc], changes: tuple[str, ...],
        after: tuple[str, ...] = (),
    ) -> Action:  # fmt: skip
        words = self.words
        params = {words.name: target.name, words.items: items}
        modify = f"Modify{words.noun}"
        return Action(
            words.service, modify, params, changes, step=f"parameters-{index}", after=after
        )

    def _item(self, name: str, value: Any, method: str) -> Doc:
        item = {"ParameterName": name, "ParameterValue": str(value)}
        return {**item, "ApplyMethod": method} if self.words.methods else item

    def _reset_item(self, name: str, parameter: Mapping[str, Any] | None) -> Doc:
        if self.words.methods:
            return {"ParameterName": name, "ApplyMethod": _method(parameter)}
        return {
            "ParameterName": name,
            "ParameterValue": (parameter or {}).get("ParameterValue", ""),
        }


def _method(parameter: Mapping[str, Any] | None) -> str:
    """When a change may apply: a static parameter takes `pending-reboot` only (case 100)."""
    dynamic = parameter is not None and parameter.get("ApplyType") == "dynamic"
    return "immediate" if dynamic else "pending-reboot"
