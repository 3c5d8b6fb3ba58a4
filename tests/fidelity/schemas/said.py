"""What a schema says of one field, in one form whichever schema it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Said:
    """One member of one schema, and the spec path it stands for.

    at: the member where it is defined (`HealthCheck.interval`): what is reached by several ways is
    said once. needed: nothing can be made without it. hidden: a
    secret. once: set at creation only. sometimes_once: in some states. unseen: never
    shown again. shown: only shown. token: makes a call
    idempotent, and is no property. transform: how AWS spells what it was sent, as it says itself.
    ordered: whether the order of its entries means anything, None: not said. wrapped: a part of
    something that is one value here, so that it is needed where that is there.
    """

    kind: str
    path: str
    source: str
    at: str
    sort: str = ""
    enum: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    pattern: str = ""
    default: Any = None
    needed: bool = False
    hidden: bool = False
    once: bool = False
    sometimes_once: bool = False
    unseen: bool = False
    shown: bool = False
    deprecated: bool = False
    token: bool = False
    transform: str = ""
    ordered: bool | None = None
    wrapped: bool = False
    text: str = ""


@cache
def read(folder: str, name: str) -> dict[str, Any]:
    """A checked-in table; empty if there is none."""
    file = HERE / folder / f"{name}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.exists() else {}


LIKE = {"Task": "Service"}
"""Kind → the one that it has parts in common with: what was said of them there is said here."""


def camel(name: str) -> str:
    """AWS's name as ours: `VPCId` → `vpcId`."""
    head = re.match(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z]", name)
    return name[: head.end()].lower() + name[head.end() :] if head else name


def plain(html: str) -> str:
    """AWS's HTML as one line of text; code in backticks, ends of paragraphs and items as ` ¶ `."""
    text = re.sub(r"</?code>", "`", html)
    text = re.sub(r"</?(p|li|ul|ol|note|dl|dt|dd|br|important|div)\b[^>]*>", " ¶ ", text)
    text = re.sub(r"<[^>]+>", "", text)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"),
                         ("&amp;", "&")):  # fmt: skip
        text = text.replace(entity, char)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"( ¶)+ ?", " ¶ ", text).strip(" ¶")
