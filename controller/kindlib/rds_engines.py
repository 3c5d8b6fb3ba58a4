"""The engines of RDS: what each has by default, and what it takes.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
Only of those that a single instance can be made of is more known than their ports and licences:
instances of the others belong to clusters, or to RDS Custom, and are taken over as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Made = Literal[
    "postgres", "mysql", "mariadb", "oracle-ee", "oracle-ee-cdb", "oracle-se2", "oracle-se2-cdb",
    "sqlserver-ee", "sqlserver-se", "sqlserver-ex", "sqlserver-web", "sqlserver-dev-ee", "db2-se",
    "db2-ae", "db2-ce",
]  # fmt: skip
"""Engines that Plumbline makes an instance of."""
MADE: tuple[str, ...] = get_args(Made)

PORTS = {
    "postgres": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "sqlserver": 1433,
    "db2": 50000, "aurora": 3306, "aurora-mysql": 3306, "aurora-postgresql": 5432,
    "neptune": 8182, "docdb": 27017,
}  # fmt: skip
LICENSES = {
    "postgres": "postgresql-license", "mysql": "general-public-license",
    "mariadb": "general-public-license", "sqlserver": "license-included",
    "db2": "bring-your-own-license", "aurora": "general-public-license",
    "aurora-mysql": "general-public-license", "aurora-postgresql": "postgresql-license",
    "neptune": "amazon-license", "docdb": "na",
}  # fmt: skip
DATABASES = {"oracle": "ORCL"}
"""The first database's name where nobody chose one."""

_SQL = frozenset((
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "both", "case", "cast",
    "check", "collate", "column", "constraint", "create", "current_user", "default", "desc",
    "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign", "from", "grant",
    "group", "having", "in", "initially", "intersect", "into", "leading", "limit", "localtime",
    "new", "not", "null", "off", "offset", "old", "on", "only", "or", "order", "placing", "primary",
    "public", "references", "returning", "select", "session_user", "some", "symmetric", "table",
    "then", "to", "trailing", "true", "union", "unique", "user", "using", "variadic", "when",
    "where", "window", "with",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What an engine takes.

    user: longest master user name, and reserved ones. database: longest first database's name
    (0: it takes none), and reserved ones. logs: types it can export. password: its longest.
    licences: it may have. standard: GiB of magnetic storage, from and to; None: it has none.
    largest: GiB of the others.
    """

    user: tuple[int, frozenset[str]]
    database: tuple[int, frozenset[str]]
    logs: frozenset[str]
    password: int
    licences: tuple[str, ...]
    standard: tuple[int, int] | None = (5, 3072)
    largest: int = 65536


_MYSQL = Rules(
    (16, frozenset(("rdsadmin", "rdsrepladmin", "mysql", "root"))),
    (64, frozenset(("mysql", "information_schema", "performance_schema", "sys", "innodb"))),
    frozenset(("audit", "error", "general", "slowquery", "iam-db-auth-error")),
    41,
    ("general-public-license",),
)
RULES = {
    "postgres": Rules(
        (63, _SQL | {"admin", "rdsadmin", "rds_superuser", "rds_replication", "rds_iam",
                     "rdsrepladmin", "rdstopmgr"}),
        (63, _SQL | {"db", "rdsadmin", "template0", "template1"}),
        frozenset(("postgresql", "upgrade", "iam-db-auth-error")),
        128,
        ("postgresql-license",),
    ),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "oracle": Rules(
        (30, frozenset(("sys", "system", "rdsadmin", "admin"))),
        (8, frozenset(("null",))),
        frozenset(("alert", "audit", "listener", "trace", "oemagent")),
        30,
        ("license-included", "bring-your-own-license"),
        (10, 3072),
    ),
    "sqlserver": Rules(
        (128, frozenset(("sa", "rdsadmin", "rdsa", "public", "guest"))),
        (0, frozenset()),
        frozenset(("agent", "error")),
        128,
        ("license-included", "bring-your-own-media"),
        (20, 1024),
        16384,
    ),
    "db2": Rules(
        (16, frozenset(("rdsadmin", "db2inst1", "db2", "admin", "sys"))),
        (64, frozenset()),
        frozenset(("diag.log", "notify.log", "iam-db-auth-error")),
        255,
        ("bring-your-own-license", "marketplace-license"),
        None,
    ),
}  # fmt: skip
"""By family; only of families that an instance can be made of."""


def family(engine: str) -> str:
    """The engine without its edition: `oracle-se2` → `oracle`, but `aurora-mysql` as it is."""
    name = engine.lower().removeprefix("custom-")
    return name if name.startswith("aurora") else name.partition("-")[0]


def in_clusters(engine: str) -> bool:
    """True for engines whose instances always belong to a cluster."""
    return family(engine).startswith(("aurora", "neptune", "docdb"))


def custom(engine: str) -> bool:
    """True for RDS Custom, where AWS leaves most settings to the customer's own hands."""
    return engine.lower().startswith("custom-")
