"""What RDS refuses of an instance's settings, at creation and at changes alike (PostgreSQL)."""

from __future__ import annotations

import math
import re
from typing import Any

from sandbox.data_services import clash, daily, invalid, overlapping, weekly
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_state import CERTIFICATES
from sandbox.registry import Params

CLASS = re.compile(r"db\.[a-z][a-z0-9-]*\.([a-z0-9]+)")
SIZES = {"micro", "small", "medium", "large", "xlarge"} | {
    f"{n}xlarge" for n in (2, 4, 8, 12, 16, 24, 32, 48)
}
LOGS = {"postgresql", "upgrade", "iam-db-auth-error"}
PASSWORD = re.compile(r"[!#-.0-?A-~]{8,128}")  # printable but blank, ", / and @
INTERVALS = (0, 1, 5, 10, 15, 30, 60)
RETENTIONS = (7, 731, *(31 * months for months in range(1, 24)))
STRIPED = 400
"""GiB from which gp3 has settable, higher IOPS and throughput."""
BOTH = (
    "You must specify both the storage size and iops when modifying the storage size or iops on a"
    " DB instance that has iops."
)


def check_settings(params: Params) -> None:
    """Refuse single values that no PostgreSQL instance may have."""
    size = CLASS.fullmatch(params.get("DBInstanceClass", "db.t4g.micro"))
    if not size or size[1] not in SIZES:
        raise invalid(f"Invalid DB Instance class: {params['DBInstanceClass']}")
    if not 0 <= params.get("BackupRetentionPeriod", 0) <= 35:
        raise invalid(
            f"Invalid backup retention period: {params['BackupRetentionPeriod']}. "
            "Must be between 0 and 35"
        )
    for name in ("Port", "DBPortNumber"):
        if not 1150 <= params.get(name, 5432) <= 65535:
            raise invalid(f"Invalid port: {params[name]}. Valid values are 1150-65535")
    if params.get("MonitoringInterval", 0) not in INTERVALS:
        raise invalid(f"Invalid monitoring interval: {params['MonitoringInterval']}")
    if params.get("PerformanceInsightsRetentionPeriod", 7) not in RETENTIONS:
        raise invalid(
            "Invalid Performance Insights retention period. Valid values are: [7, 31, 62, ..., 731]"
        )
    if params.get("CACertificateIdentifier", CERTIFICATES[0]) not in CERTIFICATES:
        raise AwsError(
            "CertificateNotFound",
            f"Certificate not found: {params['CACertificateIdentifier']}",
            404,
        )
    if params.get("LicenseModel", "postgresql-license") != "postgresql-license":
        raise clash(f"Invalid license model '{params['LicenseModel']}' for engine 'postgres'.")
    password = params.get("MasterUserPassword", "correct-horse")
    if not 8 <= len(password) <= 128:
        raise invalid(
            "The parameter MasterUserPassword is not a valid password because it is shorter than 8"
            " or longer than 128 characters."
        )
    if not PASSWORD.fullmatch(password):
        raise invalid(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII"
            " characters besides '/', '@', '\"', ' ' may be used."
        )
    if params.get("NetworkType", "IPV4") == "DUAL":
        raise AwsError(
            "NetworkTypeNotSupported", "The DB subnet group doesn't support the DUAL network type."
        )
    if params.get("BackupTarget", "region") != "region":
        raise NotSimulated("RDS on Outposts")


def check_logs(types: list[str]) -> None:
    """Refuse log types that PostgreSQL has not."""
    wrong = sorted(set(types) - LOGS)
    if wrong:
        raise clash(f"You cannot use the log types '{', '.join(wrong)}' with engine postgres.")


def check_windows(backup: str, maintenance: str) -> None:
    """Refuse windows that are malformed or overlap."""
    if overlapping(daily(backup, 30), weekly(maintenance, 30)):
        raise clash("The backup window and maintenance window must not overlap.")


def check_insights(inst: dict[str, Any]) -> None:
    """Refuse combinations of monitoring settings, as they would be on the instance."""
    if inst["MonitoringInterval"] and not inst.get("MonitoringRoleArn"):
        raise clash(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other"
            " than 0."
        )
    if inst.get("DatabaseInsightsMode") == "advanced" and not (
        inst["PerformanceInsightsEnabled"]
        and inst.get("PerformanceInsightsRetentionPeriod", 0) >= 465
    ):
        raise clash(
            "To enable the Advanced mode of Database Insights, enable Performance Insights and set"
            " the retention period for Performance Insights to at least 465 days."
        )


def storage(kind: str, size: int, given: Params) -> dict[str, Any]:
    """Storage settings for a type and size, from the Iops and StorageThroughput in `given`."""
    iops, throughput = given.get("Iops"), given.get("StorageThroughput")
    out: dict[str, Any] = {"StorageType": kind, "AllocatedStorage": size, "StorageThroughput": 0}
    low = {"gp2": 20, "gp3": 20, "io1": 100, "io2": 100}.get(kind)
    if low is None:
        raise clash(f"Invalid storage type: {kind}")
    if not low <= size <= 65536:
        raise clash(
            f"Invalid storage size for engine name postgres and storage type {kind}: {size}"
        )
    if kind == "gp2" and (iops or throughput):
        raise clash("You can't specify IOPS or storage throughput for storage type gp2.")
    if kind == "gp3" and size < STRIPED:
        if iops is not None or throughput is not None:
            raise clash(
                "You can't specify IOPS or storage throughput for engine postgres and a storage"
                f" size less than {STRIPED}."
            )
        out |= {"Iops": 3000, "StorageThroughput": 125}
    elif kind == "gp3":
        out |= {"Iops": iops or 12000, "StorageThroughput": throughput or 500}
        if not 12000 <= out["Iops"] <= 64000:
            raise clash(f"Invalid iops for storage type gp3: {out['Iops']}")
        if not 500 <= out["StorageThroughput"] <= min(4000, out["Iops"] // 4):
            raise clash(
                f"Invalid storage throughput for storage type gp3: {out['StorageThroughput']}"
            )
    elif kind in ("io1", "io2"):
        if throughput is not None:
            raise clash(f"You can't specify storage throughput for storage type {kind}.")
        if iops is None:
            raise clash(f"The Iops parameter is required for storage type {kind}.")
        if not 1000 <= iops <= 256000 or not size * 0.5 <= iops <= size * 50:
            raise clash(
                "Invalid iops to storage (GB) ratio for engine name postgres and storage type"
                f" {kind}: {iops / size:.4f}"
            )
        out["Iops"] = iops
    return out


def changed_storage(now: dict[str, Any], present: int, params: Params) -> dict[str, Any]:
    """The storage settings that a change would lead to; `now` has what is or will be set.

    Sizes are rounded up to 10 % above the present one.
    """
    kind = params.get("StorageType", now["StorageType"])
    asked = params.get("AllocatedStorage", now["AllocatedStorage"])
    if asked < present:
        raise clash(f"Requested size {asked} cannot be smaller than existing size {present}")
    size = asked if asked == present else max(asked, math.ceil(present * 1.1))
    given: Params = {k: params[k] for k in ("Iops", "StorageThroughput") if k in params}
    settable = kind in ("io1", "io2") or (kind == "gp3" and size >= STRIPED)
    had = now["StorageType"] in ("io1", "io2") or (
        now["StorageType"] == "gp3" and now["AllocatedStorage"] >= STRIPED
    )
    resized = size != now["AllocatedStorage"]
    moved = kind != now["StorageType"]
    if settable:
        rescaled = "Iops" in params and params["Iops"] != now.get("Iops")
        if (resized and "Iops" not in params) or (rescaled and "AllocatedStorage" not in params):
            raise clash(BOTH)
        if not moved:
            given = {k: now[k] for k in ("Iops", "StorageThroughput") if now.get(k)} | given
            if kind != "gp3":
                given.pop("StorageThroughput", None)
            elif not had:
                given = {k: v for k, v in given.items() if k in params}
    elif had and "AllocatedStorage" not in params and moved:
        raise clash(BOTH)
    return storage(kind, size, given)
