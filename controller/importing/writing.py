"""Manifests as a file that a person reads: block style, in the model's order, notes as comments."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any

import yaml

from controller.envelope import API_VERSION
from controller.importing.drafting import Draft
from controller.policies import Doc
from controller.yamlfile import YamlError, is_text, read

WIDTH = 100
SHORT = 72


class _Dumper(yaml.SafeDumper):
    """Lists indented, texts of several lines as blocks, nothing shared by anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if is_text(value) else "'"
    if "\n" in value and all(line == line.rstrip() for line in value.split("\n")):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _map(dumper: yaml.SafeDumper, value: Doc) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=_short(value))


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=_short(value))


def _short(value: Any) -> bool:
    """True for what has no parts in it and goes into one line: `{CPU: 1, memory: 2}`."""
    parts = list(value.values()) if isinstance(value, dict) else value
    flat = not any(isinstance(part, (dict, list)) and part for part in parts)
    shown = "".join(map(str, parts))
    return flat and len(str(value)) <= SHORT and not {"\n", "{"} & set(shown)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _map)
_Dumper.add_representer(list, _list)


def text(head: Sequence[str], environment: Doc, drafts: Sequence[Draft], *, adopt: bool) -> str:
    """The file. head: lines of its first comment."""
    documents = [f"{_comment(head)}{_dump(environment)}"]
    kind = ""
    for draft in drafts:
        title = "" if draft.handler.kind == kind else _title(draft.handler.kind)
        kind = draft.handler.kind
        documents.append(title + _comment(draft.notes) + _dump(manifest(draft, environment, adopt)))
    return "---\n".join(documents)


def manifest(draft: Draft, environment: Doc, adopt: bool) -> Doc:
    """The document of a draft."""
    metadata: Doc = {"name": draft.name}
    if draft.physical != f"{environment['metadata']['name']}-{draft.name}":
        metadata["externalName"] = draft.physical
    lifecycle: Doc = {"adopt": True} if adopt else {}
    if draft.ignore:
        left = sorted(draft.ignore.items())
        lifecycle["ignore"] = [{"path": path, "reason": why} for path, why in left]
    out: Doc = {"apiVersion": API_VERSION, "kind": draft.handler.kind, "metadata": metadata}
    if lifecycle:
        out["lifecycle"] = lifecycle
    if spec := draft.linked():
        out["spec"] = spec
    return out


def _dump(document: Doc) -> str:
    """As YAML that people like; as JSON, which is YAML too, should that read back otherwise."""
    written: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True
    )
    try:
        if [each.value for each in read(written.encode())] == [document]:
            return written
    except YamlError:
        pass
    plain = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(c if c == "\n" or c.isprintable() else _escape(c) for c in plain) + "\n"


def _escape(char: str) -> str:
    """As YAML reads it; JSON would make two of what is beyond U+FFFF, and YAML refuses those."""
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def printable(text: str) -> str:
    """A text that stays on its line: whatever might end one, or move a cursor, as its escape.

    YAML ends a comment at more characters than one thinks (U+0085, U+2028): a name in AWS must not
    become a manifest.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _comment(lines: Sequence[str]) -> str:
    clean = [printable(line) for line in lines]
    wrapped = [part for line in clean for part in textwrap.wrap(line, WIDTH - 2) or [""]]
    return "".join(f"# {line}".rstrip() + "\n" for line in wrapped)


def _title(kind: str) -> str:
    line = f"# ── {kind} "
    return line + "─" * (WIDTH - len(line)) + "\n"
