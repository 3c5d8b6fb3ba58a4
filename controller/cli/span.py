"""Lengths of time as people type them."""

from __future__ import annotations

import re
from datetime import timedelta

import click

_MINUTES = {"m": 1, "h": 60, "d": 1440}


def span(text: str, longest: timedelta) -> timedelta:
    """`30m`, `2h` or `1d`. Raises `click.UsageError`."""
    match = re.fullmatch(r"([1-9]\d{0,3})([mhd])", text)
    found = match and timedelta(minutes=int(match[1]) * _MINUTES[match[2]])
    if not found or found > longest:
        raise click.UsageError(
            f"--for: found {text}, allowed a time like 30m, 2h or 1d, up to {longest.days}d"
        )
    return found
