"""Making secret values: at the moment of the call that stores them, by the operating system."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any


def alphabet_of(rules: Mapping[str, Any]) -> str:
    """The characters that a generated value may have, by a `generate` of the `Secret` kind."""
    letters = string.ascii_letters + string.digits
    if not rules.get("excludePunctuation", True):
        letters += string.punctuation
    return "".join(c for c in letters if c not in rules.get("excludeCharacters", ""))


def generated(rules: Mapping[str, Any]) -> str:
    """A new random value, with at least one character of each class that the alphabet has."""
    alphabet = alphabet_of(rules)
    classes = [string.ascii_lowercase, string.ascii_uppercase, string.digits]
    if not rules.get("excludePunctuation", True):
        classes.append(string.punctuation)
    wanted = [set(c) & set(alphabet) for c in classes]
    length = int(rules.get("length", 48))
    while True:
        value = "".join(secrets.choice(alphabet) for _ in range(length))
        if all(not some or some & set(value) for some in wanted):
            return str(rules.get("prefix", "")) + value
