"""`plumbline history ENVIRONMENT`: what happened, pass by pass."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import click

from controller.cli import render
from controller.cli.main import Failed
from controller.cli.output import console, output_option, print_json
from controller.cli.tools import environment_name, open_store, state_option
from controller.store import Store, StoreFailure

_COLOURS = {
    "DriftDetected": "red", "ActionFailed": "red", "DesiredStateInvalid": "red",
    "ActionBlocked": "yellow", "Converged": "green", "RevisionAccepted": "cyan",
}  # fmt: skip


@click.command(short_help="Show what happened: revisions, drift, actions.")
@click.argument("file_or_environment")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000),
              help="Passes to show at most, the newest.")  # fmt: skip
@state_option
@output_option
def history(file_or_environment: str, limit: int, state: str | None, output: str) -> None:
    """Show what happened to an environment, the newest last: which revisions came into force and
    whose they were, drift and who made it, actions, and what went wrong.

    Passes that found nothing new left nothing. Asks AWS nothing but the state.
    """
    name = environment_name(file_or_environment)
    try:
        found = _entries(open_store(state), name, limit)
    except StoreFailure as error:
        raise Failed(f"state: {error}") from None
    if output == "json":
        print_json(found)
        return
    if not found:
        raise Failed(f"nothing that happened to {name} is recorded here")
    screen = console()
    for entry in found:
        revision = entry.get("revision", "")
        at = datetime.fromisoformat(entry["at"])
        screen.print(f"[bold]{at:%Y-%m-%d %H:%M:%S}[/]" + (f"  {revision}" if revision else ""))
        for row in entry["events"]:
            screen.print(f"  {_line(row)}")


def _entries(store: Store, name: str, limit: int) -> list[dict[str, Any]]:
    """The newest entries, oldest first. One that can't be read is left out."""
    keys = sorted(store.list(f"history/{name}/"))[-limit:]
    with ThreadPoolExecutor(8) as pool:
        objects = list(pool.map(store.get, keys))
    found = []
    for each in objects:
        try:
            body = each.json if each else {}
            datetime.fromisoformat(body["at"])
            rows = [dict(row) for row in body["events"]]
            found.append({"at": body["at"], "revision": body.get("revision", ""), "events": rows})
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _line(row: Mapping[str, Any]) -> str:
    """One happening: what, to which resource, how it was, and who or why."""
    kind = str(row.get("type", ""))
    colour = _COLOURS.get(kind)
    words = [f"[{colour}]{render.value(kind)}[/]" if colour else render.value(kind)]
    where = ", ".join(str(each) for each in row.get("paths") or ())
    parts = [str(row[k]) for k in ("resource", "path", "call") if row.get(k)]
    words += [render.value(" ".join([*parts, where]).strip())]
    if kind == "DriftDetected" and row.get("path"):
        was, now, wanted = (render.value(row.get(k)) for k in ("was", "is", "wanted"))
        words.append(f"was {was}, is {now}, wanted {wanted}")
    if kind == "RevisionAccepted":
        words += [render.value(row.get("revision")), render.whose(row)]
    told = [str(p) for p in row.get("problems") or ()] or [
        str(row[k]) for k in ("reason", "message", "note") if row.get(k)
    ]
    if told:
        words.append(render.value(": ".join(told)))
    if row.get("by"):
        words.append(f"by {render.value(row['by'])}")
    return "  ".join(word for word in words if word and word != "—")
