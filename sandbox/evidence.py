"""How the sandbox knows what it does: one table of all behaviours, rendered for the docs."""

from __future__ import annotations

from sandbox.registry import Behaviour, behaviours
from sandbox.wire import MOTO

MEANING = {
    "recorded": "a real response of AWS shows it",
    "documented": "AWS's documentation says so",
    "assumed": "neither; the reason is given",
}


def table() -> str:
    """All behaviours by service as a Markdown table, and what moto answers, as a second one."""
    found = sorted(behaviours().values(), key=lambda b: (b.service, b.operation))
    lines = [
        "| Operation | Evidence | Source |",
        "| --- | --- | --- |",
        *(_row(behaviour) for behaviour in found),
        "",
        _counts(found),
        "",
        "Answered by moto, unchanged:",
        "",
        "| Service | Operations |",
        "| --- | --- |",
        *(f"| {service} | {', '.join(sorted(names))} |" for service, names in sorted(MOTO.items())),
    ]
    return "\n".join(lines) + "\n"


def _row(behaviour: Behaviour) -> str:
    source = " ".join(behaviour.source.split()).replace("|", "\\|")
    return f"| `{behaviour.service}:{behaviour.operation}` | {behaviour.evidence} | {source} |"


def _counts(found: list[Behaviour]) -> str:
    parts = [
        f"{sum(b.evidence == kind for b in found)} {kind} ({meaning})"
        for kind, meaning in MEANING.items()
    ]
    return f"{len(found)} behaviours: " + "; ".join(parts) + "."
