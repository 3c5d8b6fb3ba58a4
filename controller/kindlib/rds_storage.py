"""RDS storage: what each type takes, what AWS fills in, and what a change of it must send.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html
From a certain size on, gp3 is striped over four volumes: only then can its IOPS and throughput be
chosen. Below it they are fixed, echoed and refused in requests (cases 70, 72).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from controller.kindlib.rds_engines import Rules, family
from controller.policies import Doc, Situation

FIELDS = ("allocatedStorage", "storageType", "iops", "storageThroughput")
PARAMETERS = {
    "allocatedStorage": "AllocatedStorage",
    "storageType": "StorageType",
    "iops": "Iops",
    "storageThroughput": "StorageThroughput",
}
_FIXED = {"iops": 3000, "storageThroughput": 125}
_STRIPED = {"iops": 12000, "storageThroughput": 500}
_MOST = {"iops": 64000, "storageThroughput": 4000}
_MOST_OF_ONE = {"iops": 16000, "storageThroughput": 1000}
_RATIO = {"io1": 50, "io2": 1000, "gp3": 500}


def striped_from(engine: str) -> float:
    """GiB from which gp3 is striped; SQL Server's never is."""
    kin = family(engine)
    if kin == "sqlserver":
        return math.inf
    return 200 if kin == "oracle" else 400


def settable(kind: Any, engine: str, size: Any) -> bool:
    """True if AWS takes IOPS for this type and size."""
    if kind in ("io1", "io2"):
        return True
    if kind != "gp3" or not isinstance(size, int):
        return False
    return family(engine) == "sqlserver" or size >= striped_from(engine)


def default_of(name: str, situation: Situation) -> int | None:
    """IOPS or throughput that AWS shows when nobody chose: by type, engine and size."""
    live = {**situation.desired, **situation.live}
    if live.get("storageType") != "gp3":
        return None
    size = live.get("allocatedStorage")
    striped = isinstance(size, int) and size >= striped_from(str(live.get("engine", "")))
    return (_STRIPED if striped else _FIXED)[name]


def complaints(
    engine: str, kind: str, size: int | None, iops: int | None, throughput: int | None,
    rules: Rules,
) -> Iterable[str]:  # fmt: skip
    """What CreateDBInstance would refuse of these settings; None: not given, or not known yet."""
    spans = {"standard": rules.standard, "gp2": (20, rules.largest), "gp3": (20, rules.largest),
             "io1": (100, rules.largest), "io2": (100, rules.largest)}  # fmt: skip
    span = spans.get(kind)
    if span is None:
        known = ", ".join(name for name, there in spans.items() if there)
        yield f"storageType: {engine} has {known}, not {kind!r}"
        return
    low, high = span
    if size is not None and not low <= size <= high:
        yield f"allocatedStorage: {kind} holds {low}-{high} GiB, not {size}"
    if kind in ("gp2", "standard") and iops is not None:
        yield f"iops: {kind} takes none"
    if kind != "gp3" and throughput is not None:
        yield f"storageThroughput: only gp3 takes it, not {kind}"
    if kind in ("io1", "io2"):
        if iops is None:
            yield f"iops: {kind} needs it"
        elif not 1000 <= iops <= 256000:
            yield f"iops: {kind} takes 1000-256000, not {iops}"
    if kind == "gp3" and size is not None:
        yield from _gp3(engine, size, iops, throughput)
    if iops is not None and size and kind in _RATIO and settable(kind, engine, size):
        ratio, least = iops / size, 1 if family(engine) == "sqlserver" else 0.5
        if not least <= ratio <= _RATIO[kind]:
            yield f"iops: {kind} takes {least:g} to {_RATIO[kind]} per GiB, not {ratio:g}"


def _gp3(engine: str, size: int, iops: int | None, throughput: int | None) -> Iterable[str]:
    given = {"iops": iops, "storageThroughput": throughput}
    if not settable("gp3", engine, size):
        for name, value in given.items():
            if value not in (None, _FIXED[name]):
                least = striped_from(engine)
                yield f"{name}: gp3 below {least} GiB has {_FIXED[name]}, fixed; not {value}"
        return
    single = family(engine) == "sqlserver"
    base = _FIXED if single else _STRIPED
    most = _MOST_OF_ONE if single else _MOST
    for name, high in most.items():
        value = given[name]
        if value is not None and not base[name] <= value <= high:
            yield f"{name}: gp3 of {size} GiB takes {base[name]}-{high}, not {value}"
    if throughput is not None and throughput > (iops or base["iops"]) / 4:
        yield "storageThroughput: gp3 takes at most a quarter of iops"


def rounded_growth(situation: Situation, wanted: Any, live: Any) -> bool:
    """True if AWS made more of a growth than was asked: it rounds up to 10 % above the old size.

    A size in between can come about in no other way, for nobody can grow by less than 10 %.
    """
    if not isinstance(wanted, int) or not isinstance(live, int):
        return False
    return wanted < live and live * 10 < wanted * 11


def autoscaled(situation: Situation, wanted: Any, live: Any) -> bool:
    """True if storage autoscaling may have grown it to there (case 68)."""
    limit = situation.desired.get("maxAllocatedStorage")
    known = isinstance(limit, int) and isinstance(wanted, int) and isinstance(live, int)
    return known and wanted < live <= limit


def create_parameters(spec: Doc) -> Doc:
    """What CreateDBInstance is sent about storage."""
    size, limit = spec.get("allocatedStorage"), spec.get("maxAllocatedStorage")
    params = {PARAMETERS[name]: spec[name] for name in FIELDS if name in spec}
    if not settable(spec.get("storageType"), spec["engine"], size):
        params.pop("Iops", None)
        params.pop("StorageThroughput", None)
    if limit is not None and limit != size:  # equal: no autoscaling, which AWS spells by absence
        params["MaxAllocatedStorage"] = limit
    return params


def modify_parameters(spec: Doc, live: Mapping[str, Any], changed: set[str]) -> Doc:
    """What ModifyDBInstance must be sent for changes to some of `FIELDS` (case 74).

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
    IOPS and size go together wherever IOPS can be chosen; a type that takes IOPS wants them named.
    """
    after = {n: spec[n] if n in changed else live.get(n) for n in FIELDS}
    engine = spec["engine"]
    params = {PARAMETERS[name]: spec[name] for name in FIELDS if name in changed}
    chosen = settable(after["storageType"], engine, after["allocatedStorage"])
    was_chosen = settable(live.get("storageType"), engine, live.get("allocatedStorage"))
    if chosen:
        iops = spec.get("iops") or (after["iops"] if was_chosen else None)
        if after["storageType"] == "gp3":
            base = _FIXED if family(engine) == "sqlserver" else _STRIPED
            iops = max(iops or 0, base["iops"])
        if iops:
            params.setdefault("Iops", iops)
        params["AllocatedStorage"] = after["allocatedStorage"]
    else:
        params.pop("Iops", None)
        params.pop("StorageThroughput", None)
        if was_chosen and "storageType" in changed:
            params["AllocatedStorage"] = after["allocatedStorage"]
            if after["storageType"] == "standard":
                params["Iops"] = 0
    return params
