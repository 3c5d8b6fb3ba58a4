"""What AWS's reference says in words, beside what a reader makes of it: `words/<Kind>.yaml`.

    backupRetentionPeriod:
      unsaid: {is: 1, says: ['Default: `1`']}
      limits: {low: 0, high: 35, says: ['Constraints: Must be a value from 0 to 35.']}

`says` is copied from the models and held equal to them: a model that says something else has to be
read again. The rest is what it means, written by hand.
unsaid: what holds if nothing is written. `is`: the value (in our language), `chosen` (AWS's choice,
which can't be told beforehand), `nothing` (it says nothing of a value of this field), or cases:
`[{when: {engine: mysql}, is: 3306}, …]`, `when` being what else is in force.
limits: `low`, `high` (of numbers; `shortest`, `longest` of texts; `fewest`, `most` of entries),
`words` (all there are), `takes`, `refuses` (samples); none of them: it limits nothing by itself.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from tests.fidelity.schemas import api, provider
from tests.fidelity.schemas.said import HERE, LIKE, read
from tests.fidelity.schemas.sentences import of_defaults, of_limits

Doc = dict[str, Any]
LONGEST = 240
"""Characters of a sentence that are kept."""


@cache
def found(kind: str) -> dict[str, Doc]:
    """Field → `unsaid` and `limits` → sentences of the models."""
    texts: dict[str, list[str]] = {}
    for said in (*api.said(kind), *provider.said(kind)):
        held = texts.setdefault(said.at, [])
        if said.text and said.text not in held:
            held.append(said.text)
    out: dict[str, Doc] = {}
    for at, some in sorted(texts.items()):
        for name, pick in (("unsaid", of_defaults), ("limits", of_limits)):
            says = [s[:LONGEST] for s in pick(some)]
            if says:
                out.setdefault(at, {})[name] = says
    return out


def paths(kind: str) -> dict[str, str]:
    """Field → one spec path that leads to it."""
    out: dict[str, str] = {}
    for said in (*api.said(kind), *provider.said(kind)):
        out.setdefault(said.at, said.path)
    return out


@cache
def table(kind: str) -> dict[str, Doc]:
    """What has been read, with what was read of the same words of the kind it is like."""
    own, now = read("words", kind), found(kind)
    shared = {
        at: parts
        for at, entry in (read("words", LIKE[kind]) if kind in LIKE else {}).items()
        if (parts := {n: e for n, e in entry.items() if now.get(at, {}).get(n) == e.get("says")})
    }
    return {at: {**shared.get(at, {}), **own.get(at, {})} for at in {**shared, **own}}


def stale(kind: str) -> list[str]:
    """Where the table and the models differ."""
    held, now = table(kind), found(kind)
    problems = [f"{at}: not in the models any more" for at in held if at not in now]
    for at, parts in now.items():
        for name, says in parts.items():
            entry = held.get(at, {}).get(name)
            if entry is None:
                problems.append(f"{at} {name}: not read yet")
            elif entry.get("says") != says:
                problems.append(f"{at} {name}: AWS's words have changed")
            elif name == "unsaid" and "is" not in entry:
                problems.append(f"{at} {name}: what does it mean?")
        extra = set(held.get(at, {})) - set(parts)
        problems += [f"{at} {name}: not in the models any more" for name in extra]
    return problems


def write(kind: str) -> None:
    """Put the models' sentences into the table; what was read of them stays."""
    held, shared = read("words", kind), set(table(kind)) - set(read("words", kind))
    out: Doc = {}
    for at, parts in found(kind).items():
        for name, says in parts.items():
            if at in shared and name in table(kind)[at]:
                continue
            old = {k: v for k, v in held.get(at, {}).get(name, {}).items() if k != "says"}
            out.setdefault(at, {})[name] = {**old, "says": says}
    if not out:
        return
    text = yaml.safe_dump(out, sort_keys=False, allow_unicode=True, width=100)
    (HERE / "words" / f"{kind}.yaml").write_text(text, encoding="utf-8")
