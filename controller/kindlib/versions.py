"""Engine versions: which is newer, and who may have moved them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from controller.policies import Situation
from controller.spec import text


def _quoted(value: Any) -> Any:
    """YAML reads 16 as a number, which is fine, and 16.10 as 16.1, which is not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        raise ValueError(f"write it in quotes: unquoted, 16.10 becomes 16.1 (read: {value})")
    return value


VersionText = Annotated[
    str,
    BeforeValidator(_quoted, json_schema_input_type=str | int),
    AfterValidator(text(r"\d[\w.+-]*", says='must be a version, as "16" or "16.4"')),
]
"""An engine version, or the beginning of one."""


def parts(version: str) -> tuple[int, ...]:
    """The numbers of a version: `16.4` → (16, 4), `19.0.0.0.ru-2023-04.r1` → (19, 0, 0, 0, 2023, 4,
    1); of versions of one engine, a later one has the greater numbers."""
    return tuple(int(digits) for digits in re.findall(r"\d+", str(version)))


def older(one: str, other: str) -> bool:
    """True if `one` is an older version than `other`, as far as `one` says."""
    a, b = parts(one), parts(other)
    return a < b[: len(a)]


def major(engine: str, version: str) -> tuple[int, ...]:
    """What AWS calls the major version: `16`, but `8.0` of MySQL and `10.6` of MariaDB."""
    engine = engine.lower().removeprefix("custom-").removeprefix("aurora-")
    engine = {"aurora": "mysql", "postgresql": "postgres"}.get(engine, engine)
    numbers = parts(version)
    two = engine in ("mysql", "mariadb") or engine.startswith("sqlserver")
    if engine == "postgres" and numbers[:1] < (10,):
        two = True
    if engine == "redis" and numbers[:1] < (6,):
        two = True
    return numbers[:2] if two else numbers[:1]


def minor_upgrade(situation: Situation, wanted: Any, live: Any) -> bool:
    """True if AWS has upgraded within the declared major version, and may (cases 61, 103).

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html
    """
    if not situation.desired.get("autoMinorVersionUpgrade", True) or not live or not wanted:
        return False
    engine = str(situation.desired.get("engine", ""))
    same = major(engine, str(wanted)) == major(engine, str(live))
    return same and not older(str(live), str(wanted)) and parts(str(live)) > parts(str(wanted))


def cache_version(version: str) -> str:
    """A version of Redis 6, Valkey or later as AWS takes it: 7.1, though it shows 7.1.0 (102)."""
    numbers = str(version).split(".")
    return ".".join(numbers[:2]) if parts(version)[:1] >= (6,) else str(version)
