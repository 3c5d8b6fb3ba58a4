"""What a desired-state file is made of, as a picture: resources, and what each needs.

Two are joined where one refers to the other (`${Kind.name.output}`) or waits for it
(`lifecycle.dependsOn`). What is taken from Parameter Store stands for the rest of the account:
`${ssm:/plumbline/shop/network/vpc}` needs what is below `/plumbline/shop/network`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.fields import fields_of
from controller.manifest import rendered
from controller.references import find

if TYPE_CHECKING:
    from controller.manifest import Environment


@dataclass(frozen=True, order=True, slots=True)
class Edge:
    """One need. to: `Kind/name`, or the folder of a parameter. path: the field that refers to it,
    empty for `dependsOn`. takes: the output, or the parameter."""

    source: str
    to: str
    path: str
    takes: str

    @property
    def outside(self) -> bool:
        """Whether it leads out of the file."""
        return self.to.startswith("/")


def edges(environment: Environment) -> list[Edge]:
    """All of them, sorted."""
    return sorted(set(_edges(environment)))


def _edges(environment: Environment) -> Iterator[Edge]:
    for key, resource in environment.resources.items():
        for path, ref in find(resource.raw):
            where = rendered(fields_of(resource.handler.spec), path, resource.raw)
            if ref.kind == "resource":
                yield Edge(key, ref.resource, where, ref.output)
            elif ref.kind == "ssm":
                name = "/" + ref.parameter.strip("/")
                yield Edge(key, name.rpartition("/")[0] or name, where, name)
        for needed in resource.lifecycle.depends_on:
            yield Edge(key, needed, "", "")


def document(environment: Environment) -> dict[str, Any]:
    """For programs."""
    found = edges(environment)
    return {
        "environment": environment.name,
        "revision": environment.revision,
        "resources": [
            {"key": key, "kind": each.kind, "name": each.name, "nameInAws": each.physical}
            for key, each in environment.resources.items()
        ],
        "references": [
            {"from": e.source, "field": e.path, "to": e.to, "output": e.takes}
            for e in found if e.path and not e.outside
        ],
        "waits": [{"from": e.source, "to": e.to} for e in found if not e.path],
        "parameters": [
            {"from": e.source, "field": e.path, "parameter": e.takes}
            for e in found if e.outside
        ],
    }  # fmt: skip


def _joined(environment: Environment) -> list[tuple[str, str, bool]]:
    """(from, to, waits only): one line for all that joins two."""
    pairs: dict[tuple[str, str], bool] = {}
    for edge in edges(environment):
        pair = edge.source, edge.to
        pairs[pair] = pairs.get(pair, True) and not edge.path
    return [(source, to, waits) for (source, to), waits in pairs.items()]


def _nodes(environment: Environment) -> tuple[dict[str, str], dict[str, str]]:
    """Short names of resources, and of what is outside."""
    outside = sorted({edge.to for edge in edges(environment) if edge.outside})
    return (
        {key: f"r{n}" for n, key in enumerate(environment.resources)},
        {name: f"p{n}" for n, name in enumerate(outside)},
    )


def mermaid(environment: Environment) -> str:
    """For Markdown pages: GitHub and others draw it. https://mermaid.js.org/syntax/flowchart.html"""
    inside, outside = _nodes(environment)
    names = inside | outside
    lines = ["flowchart LR", f'  subgraph environment["{environment.name}"]']
    lines += [f'    {short}["{key}"]' for key, short in inside.items()]
    lines += ["  end"]
    lines += [f'  {short}[("{name}")]' for name, short in outside.items()]
    lines += [
        f"  {names[source]} {'-.->' if waits else '-->'} {names[to]}"
        for source, to, waits in _joined(environment)
    ]
    return "\n".join(lines) + "\n"


def dot(environment: Environment) -> str:
    """For Graphviz. https://graphviz.org/doc/info/lang.html"""
    inside, outside = _nodes(environment)
    lines = [f'digraph "{environment.name}" {{', "  rankdir=LR", "  node [shape=box]"]
    lines += ["  subgraph cluster_environment {", f'    label="{environment.name}"']
    lines += [f'    "{key}"' for key in inside]
    lines += ["  }"]
    lines += [f'  "{name}" [shape=cylinder]' for name in outside]
    lines += [
        f'  "{source}" -> "{to}"{" [style=dashed]" if waits else ""}'
        for source, to, waits in _joined(environment)
    ]
    return "\n".join([*lines, "}"]) + "\n"
