"""The hand on the brake: `pauses/<environment>.json`. It works whatever the desired state says."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from controller.store import Store, Stored, to_body

_DESTRUCTION = "destruction"
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""A release that does not know of destructions is stopped as well."""


class BeingDestroyed(Exception):
    """A destruction has paused the environment for good."""


def paused_until(store: Store, environment: str, now: datetime, *, destroying: bool = False) -> str:
    """Why and until when the environment is paused; empty if it is not. Raises `StoreFailure`.

    A pause that can't be understood counts as one: somebody meant to stop us. destroying: for the
    destruction itself, which its own pause does not stop.
    """
    found = store.get(_key(environment))
    if found is None:
        return ""
    try:
        body = found.json
        until = datetime.fromisoformat(body["until"])
        if body.get("for") == _DESTRUCTION:
            return "" if destroying else f"being destroyed, or destroyed, by {body['by']}"
        if now >= until:
            return ""
        return f"paused until {until:%Y-%m-%d %H:%M} UTC by {body['by']}: {body['reason']}"
    except (ValueError, KeyError, TypeError):
        return f"{_key(environment)} is there and can't be read"


def pause(store: Store, environment: str, until: datetime, by: str, reason: str) -> None:
    """Pause it until then, in place of an earlier pause.

    Raises `BeingDestroyed` instead of shortening the pause of a destruction; `StoreFailure`,
    `Conflict`.
    """
    found = store.get(_key(environment))
    if found is not None and (by_whom := _destroyer(found)):
        raise BeingDestroyed(
            f"{environment} is stopped already: being destroyed, or destroyed, by {by_whom}"
        )
    body = to_body({"until": until.isoformat(), "by": by, "reason": reason})
    store.put(_key(environment), body, found.version if found else None)


def for_good(store: Store, environment: str, by: str) -> None:
    """Pause it for its destruction, until somebody resumes it. Raises as `pause`."""
    found = store.get(_key(environment))
    body = {"until": _EVER.isoformat(), "by": by, "reason": "destroyed", "for": _DESTRUCTION}
    store.put(_key(environment), to_body(body), found.version if found else None)


def resume(store: Store, environment: str) -> None:
    """End a pause. Raises `StoreFailure`."""
    store.delete(_key(environment))


def _destroyer(found: Stored) -> str:
    """Who destroys it, if that is what the pause is for."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        if found.json.get("for") == _DESTRUCTION:
            return str(found.json["by"])
    return ""


def _key(environment: str) -> str:
    return f"pauses/{environment}.json"
