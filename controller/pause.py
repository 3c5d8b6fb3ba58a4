"""The hand on the brake: `pauses/<environment>.json`. It works whatever the desired state says."""

from __future__ import annotations

from datetime import datetime

from controller.store import Store, to_body


def paused_until(store: Store, environment: str, now: datetime) -> str:
    """Why and until when the environment is paused; empty if it is not. Raises `StoreFailure`.

    A pause that can't be understood counts as one: somebody meant to stop us.
    """
    found = store.get(_key(environment))
    if found is None:
        return ""
    try:
        body = found.json
        until = datetime.fromisoformat(body["until"])
        if now >= until:
            return ""
        return f"paused until {until:%Y-%m-%d %H:%M} UTC by {body['by']}: {body['reason']}"
    except (ValueError, KeyError, TypeError):
        return f"{_key(environment)} is there and can't be read"


def pause(store: Store, environment: str, until: datetime, by: str, reason: str) -> None:
    """Pause it until then, in place of an earlier pause. Raises `StoreFailure`, `Conflict`."""
    found = store.get(_key(environment))
    body = to_body({"until": until.isoformat(), "by": by, "reason": reason})
    store.put(_key(environment), body, found.version if found else None)


def resume(store: Store, environment: str) -> None:
    """End a pause. Raises `StoreFailure`."""
    store.delete(_key(environment))


def _key(environment: str) -> str:
    return f"pauses/{environment}.json"
