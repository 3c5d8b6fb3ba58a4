"""What RDS refuses of an instance's settings, known before the call.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from controller.kindlib.values import number
from controller.policies import Doc
from controller.spec import holds_reference

Engine = Literal[
    "postgres", "mysql", "mariadb", "oracle-ee", "oracle-ee-cdb", "oracle-se2", "oracle-se2-cdb",
    "sqlserver-ee", "sqlserver-se", "sqlserver-ex", "sqlserver-web", "db2-se", "db2-ae",
]  # fmt: skip

PORTS = {
    "postgres": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "sqlserver": 1433,
    "db2": 50000,
}  # fmt: skip
LICENSES = {
    "postgres": "postgresql-license", "mysql": "general-public-license",
    "mariadb": "general-public-license", "sqlserver": "license-included",
    "db2": "bring-your-own-license",
}  # fmt: skip
_LOGS = {
    "postgres": {"postgresql", "upgrade", "iam-db-auth-error"},
    "mysql": {"audit", "error", "general", "slowquery", "iam-db-auth-error"},
    "mariadb": {"audit", "error", "general", "slowquery", "iam-db-auth-error"},
    "oracle": {"alert", "audit", "listener", "trace", "oemagent"},
    "sqlserver": {"agent", "error"},
}
_USER_LENGTH = {
    "postgres": 63, "mysql": 16, "mariadb": 16, "oracle": 30, "sqlserver": 128, "db2": 16,
}  # fmt: skip
_RESERVED_USERS = {
    "postgres": {
        "admin", "rdsadmin", "rds_superuser", "rds_replication", "rds_iam", "rdsrepladmin",
        "rdstopmgr", "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "both",
        "case", "cast", "check", "collate", "column", "constraint", "create", "current_user",
        "default", "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for",
        "foreign", "from", "grant", "group", "having", "in", "initially", "intersect", "into",
        "leading", "limit", "localtime", "new", "not", "null", "off", "offset", "old", "on",
        "only", "or", "order", "placing", "primary", "public", "references", "returning",
        "select", "session_user", "some", "symmetric", "table", "then", "to", "trailing", "true",
        "union", "unique", "user", "using", "variadic", "when", "where", "window", "with",
    },
    "mysql": {"rdsadmin", "rdsrepladmin", "mysql", "root"},
    "mariadb": {"rdsadmin", "rdsrepladmin", "mysql", "root"},
    "oracle": {"sys", "system", "rdsadmin", "admin"},
    "sqlserver": {"sa", "rdsadmin", "rdsa", "public", "guest"},
    "db2": {"rdsadmin", "db2inst1", "db2", "admin", "sys"},
}  # fmt: skip
RETENTIONS = (7, 731, *(31 * months for months in range(1, 24)))
"""Days that Performance Insights can be kept."""
ADVANCED_DAYS = 465
"""Days that Database Insights' advanced mode demands of Performance Insights."""


def family(engine: str) -> str:
    """The engine without its edition: `oracle-se2` → `oracle`."""
    return engine.partition("-")[0]


def user_complaints(engine: str, user: str) -> Iterable[str]:
    """What RDS refuses of a master user's name."""
    if holds_reference(user):
        return
    kin = family(engine)
    if not re.fullmatch(r"[A-Za-z]\w*", user) or len(user) > _USER_LENGTH[kin]:
        yield (
            f"masterUsername: 1-{_USER_LENGTH[kin]} letters, digits or underscores, beginning "
            f"with a letter, not {user!r}"
        )
    reserved = user.lower() in _RESERVED_USERS[kin]
    if reserved or (kin == "postgres" and user.lower().startswith("pg_")):
        yield f"masterUsername: {user!r} is reserved by {engine}"


def database_complaints(engine: str, name: str) -> Iterable[str]:
    """What RDS refuses of the first database's name."""
    if holds_reference(name):
        return
    kin = family(engine)
    if kin == "sqlserver":
        yield "dbName: SQL Server takes none; create databases once it runs"
        return
    longest = {"postgres": 63, "oracle": 8, "db2": 8}.get(kin, 64)
    if not re.fullmatch(r"[A-Za-z]\w*", name) or len(name) > longest:
        yield (
            f"dbName: 1-{longest} letters, digits or underscores, beginning with a letter, "
            f"not {name!r}"
        )


def log_complaints(engine: str, types: Any) -> Iterable[str]:
    """Log types that the engine does not have."""
    known = _LOGS.get(family(engine))
    if known is None or not isinstance(types, list):
        return
    for name in types:
        if not holds_reference(name) and name not in known:
            yield f"enabledCloudwatchLogsExports: {engine} has {sorted(known)}, not {name!r}"


def insight_complaints(mode: Any, insights: Doc | None, interval: Any, role: Any) -> Iterable[str]:
    """What RDS refuses of monitoring settings taken together."""
    insights = insights or {}
    days = number(insights.get("retentionPeriod"))
    if days is not None and days not in RETENTIONS:
        yield f"performanceInsights.retentionPeriod: 7, 731 or a multiple of 31 below, not {days}"
    if insights.get("enabled") is False and len(insights) > 1:
        yield "performanceInsights: retentionPeriod and kmsKeyId mean nothing while it is off"
    if mode == "advanced" and not (insights.get("enabled") and (days or 0) >= ADVANCED_DAYS):
        yield (
            "databaseInsightsMode: advanced needs performanceInsights enabled with a "
            f"retentionPeriod of at least {ADVANCED_DAYS} days"
        )
    if number(interval) and not role:
        yield "monitoringInterval: needs monitoringRoleArn, the role that writes to CloudWatch"
    if role and not interval:
        yield "monitoringRoleArn: means nothing without a monitoringInterval above 0"
