"""What RDS refuses of an instance's settings, at creation and at changes alike."""

from __future__ import annotations

import re
from typing import Any

from sandbox.data_services import clash, daily, invalid, overlapping, weekly
from sandbox.errors import AwsError, NotSimulated
from sandbox.rds_engines import Engine
from sandbox.rds_state import CERTIFICATES
from sandbox.registry import Params

CLASS = re.compile(r"db\.[a-z][a-z0-9-]*\.([a-z0-9]+)")
SIZES = {"micro", "small", "medium", "large", "xlarge"} | {
    f"{n}xlarge" for n in (2, 4, 8, 12, 16, 24, 32, 48)
}
PASSWORD = re.compile(r"[!#-.0-?A-~]*")  # printable but blank, ", / and @
NOT_SQLSERVER = {1234, 1434, 3260, 3343, 3389, 47001, *range(49152, 49157)}
LIFECYCLES = ("open-source-rds-extended-support", "open-source-rds-extended-support-disabled")
INTERVALS = (0, 1, 5, 10, 15, 30, 60)
RETENTIONS = (7, 731, *(31 * months for months in range(1, 24)))
BOTH = (
    "You must specify both the storage size and iops when modifying the storage size or iops on a"
    " DB instance that has iops."
)


def check_settings(params: Params, engine: Engine) -> None:
    """Refuse single values that no instance of that engine may have."""
    size = CLASS.fullmatch(params.get("DBInstanceClass", "db.t4g.micro"))
    if not size or size[1] not in SIZES:
        raise invalid(f"Invalid DB Instance class: {params['DBInstanceClass']}")
    if not 0 <= params.get("BackupRetentionPeriod", 0) <= 35:
        raise invalid(
            f"Invalid backup retention period: {params['BackupRetentionPeriod']}. "
            "Must be between 0 and 35"
        )
    for name in ("Port", "DBPortNumber"):
        port = params.get(name, engine.port)
        if not 1150 <= port <= 65535:
            raise invalid(f"Invalid port: {params[name]}. Valid values are 1150-65535")
        if engine.kin == "sqlserver" and port in NOT_SQLSERVER:
            raise invalid(f"Invalid port: {port} is reserved on SQL Server")
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
    if params.get("LicenseModel", engine.licences[0]) not in engine.licences:
        raise clash(
            f"Invalid license model '{params['LicenseModel']}' for engine '{engine.name}'. Valid "
            f"license models are: {', '.join(engine.licences)}."
        )
    password = params.get("MasterUserPassword", "correct-horse")
    if not 8 <= len(password) <= engine.password:
        raise invalid(
            "The parameter MasterUserPassword is not a valid password because it is shorter than 8"
            f" or longer than {engine.password} characters."
        )
    if not PASSWORD.fullmatch(password) or (engine.kin == "oracle" and set("&'") & set(password)):
        raise invalid(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII"
            " characters besides '/', '@', '\"', ' ' may be used."
        )
    if params.get("EngineLifecycleSupport", LIFECYCLES[0]) not in LIFECYCLES:
        raise invalid(f"Invalid engine lifecycle support: {params['EngineLifecycleSupport']}")
    if engine.kin not in ("postgres", "mysql") and "EngineLifecycleSupport" in params:
        raise clash(f"EngineLifecycleSupport isn't supported for engine {engine.name}.")
    if engine.kin not in ("postgres", "mysql", "mariadb") and params.get(
        "EnableIAMDatabaseAuthentication"
    ):
        raise clash(f"IAM Database Authentication is not supported for engine {engine.name}.")
    if engine.name in ("sqlserver-ex", "sqlserver-web") and params.get("MultiAZ"):
        raise clash(f"Multi-AZ isn't supported for engine {engine.name}.")
    if engine.kin not in ("oracle", "sqlserver") and (
        "ProcessorFeatures" in params or "UseDefaultProcessorFeatures" in params
    ):
        raise clash(f"Processor features aren't supported for engine {engine.name}.")
    if len(params.get("DomainDnsIps", ["", ""])) != 2:
        raise invalid("Two DomainDnsIps must be provided.")
    if params.get("NetworkType", "IPV4") == "DUAL":
        raise AwsError(
            "NetworkTypeNotSupported", "The DB subnet group doesn't support the DUAL network type."
        )
    if params.get("BackupTarget", "region") != "region":
        raise NotSimulated("RDS on Outposts")


def check_log_volume(params: Params, kind: str) -> None:
    """Refuse a dedicated log volume beside storage whose IOPS are not provisioned."""
    if params.get("DedicatedLogVolume") and kind not in ("io1", "io2"):
        raise clash("A dedicated log volume requires Provisioned IOPS storage (io1 or io2).")


def check_logs(types: list[str], engine: Engine) -> None:
    """Refuse log types that the engine has not."""
    wrong = sorted(set(types) - engine.logs)
    if wrong:
        raise clash(f"You cannot use the log types '{', '.join(wrong)}' with engine {engine.name}.")


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


def storage(engine: Engine, kind: str, size: int, given: Params) -> dict[str, Any]:
    """Storage settings for a type and size, from the Iops and StorageThroughput in `given`."""
    iops, throughput = given.get("Iops"), given.get("StorageThroughput")
    out: dict[str, Any] = {"StorageType": kind, "AllocatedStorage": size, "StorageThroughput": 0}
    spans = {"gp2": (20, engine.largest), "gp3": (20, engine.largest),
             "io1": (100, engine.largest), "io2": (100, engine.largest),
             "standard": engine.standard}  # fmt: skip
    if kind not in spans:
        raise invalid(f"Invalid storage type: {kind}")
    low, high = spans[kind]
    if not low <= size <= high:
        raise clash(
            f"Invalid storage size for engine name {engine.name} and storage type {kind}: {size}"
        )
    if kind in ("gp2", "standard") and (iops or throughput):
        raise clash(f"You can't specify IOPS or storage throughput for storage type {kind}.")
    single = engine.kin == "sqlserver"  # one volume, whose IOPS can be chosen at any size
    if kind == "gp3" and size < engine.striped and not single:
        if iops is not None or throughput is not None:
            raise clash(
                "You can't specify IOPS or storage throughput for engine"
                f" {engine.name} and a storage size less than {engine.striped:g}."
            )
        out |= {"Iops": 3000, "StorageThroughput": 125}
    elif kind == "gp3":
        least = (3000, 125) if single else (12000, 500)
        most = (16000, 1000) if single else (64000, 4000)
        out |= {"Iops": iops or least[0], "StorageThroughput": throughput or least[1]}
        if not least[0] <= out["Iops"] <= most[0]:
            raise clash(f"Invalid iops for storage type gp3: {out['Iops']}")
        if not least[1] <= out["StorageThroughput"] <= min(most[1], out["Iops"] // 4):
            raise clash(
                f"Invalid storage throughput for storage type gp3: {out['StorageThroughput']}"
            )
    elif kind in ("io1", "io2"):
        if throughput is not None:
            raise clash(f"You can't specify storage throughput for storage type {kind}.")
        if iops is None:
            raise clash(f"The Iops parameter is required for storage type {kind}.")
        most_ratio = 50 if kind == "io1" else 1000
        if not 1000 <= iops <= 256000 or not engine.ratio <= iops / size <= most_ratio:
            raise clash(
                f"Invalid iops to storage (GB) ratio for engine name {engine.name} and storage type"
                f" {kind}: {iops / size:.4f}"
            )
        out["Iops"] = iops
    return out


def _a_tenth_more(number: int) -> int:
    """Rounded up: "at least 10% greater"."""
    return (number * 11 + 9) // 10


def changed_storage(
    engine: Engine, now: dict[str, Any], present: int, params: Params
) -> dict[str, Any]:
    """The storage settings that a change would lead to; `now` has what is or will be set.

    Sizes are rounded up to 10 % above the present one.
    """
    kind = params.get("StorageType", now["StorageType"])
    asked = params.get("AllocatedStorage", now["AllocatedStorage"])
    if asked < present:
        raise clash(f"Requested size {asked} cannot be smaller than existing size {present}")
    size = asked if asked == present else max(asked, _a_tenth_more(present))
    given: Params = {k: params[k] for k in ("Iops", "StorageThroughput") if k in params}
    if given.get("Iops") == 0 and kind in ("gp2", "standard"):  # "to migrate, set it to 0"
        del given["Iops"]

    def chosen(kind: str, size: int) -> bool:
        open_ = engine.kin == "sqlserver" or size >= engine.striped
        return kind in ("io1", "io2") or (kind == "gp3" and open_)

    iops, present_iops = given.get("Iops") or 0, now.get("Iops") or 0
    least = _a_tenth_more(present_iops)
    if engine.kin != "sqlserver" and 0 < present_iops < iops < least:
        given["Iops"] = least  # "rounded up so that they are 10% greater"
    settable = chosen(kind, size)
    had = chosen(now["StorageType"], now["AllocatedStorage"])
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
    return storage(engine, kind, size, given)
