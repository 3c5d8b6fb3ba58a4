"""The engines of RDS that the sandbox makes instances of, by AWS's pages.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
Versions: a few of those on offer; the default of a major version is the last but one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.data_services import clash, invalid
from sandbox.errors import NotSimulated


@dataclass(frozen=True)
class Engine:
    """One engine. versions: by major version, oldest first. striped: GiB from which gp3 has
    settable IOPS; its least and greatest IOPS per GiB. standard: GiB of magnetic storage."""

    name: str
    kin: str
    versions: Mapping[str, tuple[str, ...]]
    default: str
    port: int
    licences: tuple[str, ...]
    logs: frozenset[str]
    password: int
    user: int
    reserved: frozenset[str]
    database: int
    striped: float = 400
    standard: tuple[int, int] = (5, 3072)
    largest: int = 65536
    ratio: float = 0.5

    def family(self, major: str) -> str:
        """Parameter group family: `postgres16`, `oracle-se2-19`, `sqlserver-se-15.0`."""
        if self.kin in ("oracle", "sqlserver"):
            return f"{self.name}-{re.sub(r'[.]00$', '.0', major)}"
        return f"{self.name}{major}"

    def options(self, major: str) -> str:
        """AWS's own option group of that version: `default:mysql-8-0`."""
        return f"default:{self.name}-{major.replace('.', '-')}"


def _each(major: str, minors: Any) -> tuple[str, ...]:
    return tuple(f"{major}.{minor}" for minor in minors)


_POSTGRES = {
    major: _each(major, minors)
    for major, minors in {
        "13": range(11, 23), "14": range(9, 20), "15": range(4, 15), "16": range(1, 11),
        "17": range(1, 7), "18": range(1, 3),
    }.items()
}  # fmt: skip
_ORACLE = {
    "19": tuple(f"19.0.0.0.ru-{date}.rur-{date}.r1" for date in ("2024-01", "2024-04", "2024-07")),
    "21": tuple(f"21.0.0.0.ru-{date}.rur-{date}.r1" for date in ("2024-01", "2024-04", "2024-07")),
}
_SQLSERVER = {
    "15.00": ("15.00.4322.2.v1", "15.00.4345.5.v1", "15.00.4365.2.v1"),
    "16.00": ("16.00.4085.2.v1", "16.00.4095.4.v1", "16.00.4105.2.v1"),
}
_GPL = "general-public-license"
_OPEN = frozenset(("audit", "error", "general", "slowquery", "iam-db-auth-error"))
_ADMINS = frozenset(("rdsadmin", "rdsrepladmin", "mysql", "root"))


def _oracle(name: str, licences: tuple[str, ...]) -> Engine:
    return Engine(
        name, "oracle", _ORACLE, "19", 1521, licences,
        frozenset(("alert", "audit", "listener", "trace", "oemagent")), 30, 30,
        frozenset(("sys", "system", "rdsadmin", "admin")), 8, 200, (10, 3072),
    )  # fmt: skip


def _sqlserver(name: str) -> Engine:
    return Engine(
        name, "sqlserver", _SQLSERVER, "15.00", 1433, ("license-included", "bring-your-own-media"),
        frozenset(("agent", "error")), 128, 128,
        frozenset(("sa", "rdsadmin", "rdsa", "public", "guest")), 0, math.inf, (20, 1024), 16384, 1,
    )  # fmt: skip


def _aurora(name: str, versions: dict[str, tuple[str, ...]], default: str, port: int) -> Engine:
    """Of clusters only: they decide about all that is not here."""
    licence = "postgresql-license" if name.endswith("sql") and "postgres" in name else _GPL
    return Engine(name, name, versions, default, port, (licence,), frozenset(), 41, 16,
                  frozenset(), 63)  # fmt: skip


ENGINES = {
    engine.name: engine
    for engine in (
        Engine(
            "postgres", "postgres", _POSTGRES, "17", 5432, ("postgresql-license",),
            frozenset(("postgresql", "upgrade", "iam-db-auth-error")), 128, 63,
            frozenset(("admin", "rdsadmin", "rds_superuser", "postgres_fdw", "user", "public",
                       "rds_replication", "rdsrepladmin", "select", "table", "all", "end")), 63,
        ),
        Engine(
            "mysql", "mysql",
            {"8.0": _each("8.0", (36, 37, 39, 40, 41)), "8.4": _each("8.4", (3, 4, 5))}, "8.4",
            3306, ("general-public-license",), _OPEN, 41, 16, _ADMINS, 64,
        ),
        Engine(
            "mariadb", "mariadb",
            {"10.11": _each("10.11", (8, 9, 10)), "11.4": _each("11.4", (3, 4, 5))}, "11.4", 3306,
            ("general-public-license",), _OPEN, 41, 16, _ADMINS, 64,
        ),
        _oracle("oracle-se2", ("license-included", "bring-your-own-license")),
        _oracle("oracle-ee", ("bring-your-own-license",)),
        _aurora("aurora-postgresql", {"16": _each("16", (4, 6, 8))}, "16", 5432),
        _aurora("aurora-mysql", {"8.0": _each("8.0.mysql_aurora.3", ("07.1", "08.2", "10.0"))},
                "8.0", 3306),
        *(_sqlserver(f"sqlserver-{edition}") for edition in ("ex", "web", "se", "ee")),
    )
}  # fmt: skip
_OTHERS = ("aurora", "custom-", "db2", "neptune", "docdb", "oracle", "sqlserver")


def engine(name: str) -> Engine:
    """The engine of that name, in any case. AWS refuses what it has never heard of."""
    found = ENGINES.get(name.lower())
    if found is not None:
        return found
    if name.lower().startswith(_OTHERS):
        raise NotSimulated(f"rds engine {name}")
    raise invalid(f"Invalid DB engine: {name}")


def of_family(family: str) -> tuple[Engine, str] | None:
    """The engine and major version of a parameter group family."""
    for each in ENGINES.values():
        for major in each.versions:
            if each.family(major) == family.lower():
                return each, major
    return None


def major(name: str, version: str) -> str:
    """`16` of postgres 16.4, `8.0` of mysql 8.0.36, `15.00` of sqlserver 15.00.4345.5.v1."""
    for each in engine(name).versions:
        if version == each or version.startswith(f"{each}."):
            return each
    raise clash(f"Cannot find version {version} for {name}")


def rank(version: str) -> tuple[int, ...]:
    """Versions of one engine in order."""
    return tuple(int(digits) for digits in re.findall(r"\d+", version))


def full_version(name: str, asked: str | None) -> str:
    """The version that AWS runs when asked for `asked`: a major version means its default."""
    found = engine(name)
    asked = asked or found.default
    if asked in found.versions:
        return found.versions[asked][-2]
    if asked not in found.versions[major(name, asked)]:
        raise clash(f"Cannot find version {asked} for {name}")
    return asked
