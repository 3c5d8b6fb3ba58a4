"""The parameters of Redis OSS and Valkey that the sandbox knows, with their rules."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

# name, integer/string [+ ! not modifiable] [+ r: requires-reboot], allowed values (- any), default:
# from the ElastiCache User Guide, "Valkey and Redis OSS parameters"; not all of them.
TABLE = """
acllog-max-len i 1-10000 128
active-defrag-cycle-max i 1-75 75
active-defrag-cycle-min i 1-75 5
active-defrag-ignore-bytes i 1048576-2147483647 104857600
active-defrag-max-scan-fields i 1-1000000 1000
active-defrag-threshold-lower i 1-100 10
active-defrag-threshold-upper i 1-100 100
activedefrag s yes,no no
activerehashing sr yes,no yes
appendfsync s! always,everysec,no everysec
appendonly s! yes,no no
client-output-buffer-limit-normal-hard-limit i 0-2147483647 0
client-output-buffer-limit-normal-soft-limit i 0-2147483647 0
client-output-buffer-limit-normal-soft-seconds i 0-2147483647 0
client-output-buffer-limit-pubsub-hard-limit i 0-2147483647 33554432
client-output-buffer-limit-pubsub-soft-limit i 0-2147483647 8388608
client-output-buffer-limit-pubsub-soft-seconds i 0-2147483647 60
client-output-buffer-limit-replica-soft-seconds i! 0-2147483647 60
close-on-replica-write s yes,no yes
cluster-allow-pubsubshard-when-down s yes,no yes
cluster-allow-reads-when-down s yes,no no
cluster-enabled sr yes,no no
cluster-require-full-coverage s yes,no no
databases ir 1-1200000 16
extended-redis-compatibility s yes,no no
hash-max-listpack-entries i 0-2147483647 512
hash-max-listpack-value i 0-2147483647 64
hll-sparse-max-bytes i 1-16000 3000
latency-tracking s yes,no no
lazyfree-lazy-eviction s yes,no no
lazyfree-lazy-expire s yes,no no
lazyfree-lazy-server-del s yes,no no
lazyfree-lazy-user-del s yes,no no
lfu-decay-time i 0-2147483647 1
lfu-log-factor i 1-2147483647 10
list-compress-depth i 0-2147483647 0
list-max-listpack-size i -5-2147483647 -2
lua-time-limit i! 5000-5000 5000
maxclients i! 1-65000 65000
maxmemory-clients s - 0
maxmemory-policy s $POLICIES volatile-lru
maxmemory-samples i 1-2147483647 3
min-replicas-max-lag i 0-2147483647 10
min-replicas-to-write i 0-2147483647 0
notify-keyspace-events s -
proto-max-bulk-len i 1048576-536870912 536870912
rename-commands s! -
replica-allow-chaining s! yes,no no
replica-lazy-flush s! yes,no yes
repl-backlog-size i 16384-2147483647 1048576
repl-backlog-ttl i 0-2147483647 3600
repl-timeout i 11-2147483647 60
reserved-memory-percent i 0-100 25
set-max-intset-entries i 0-2147483647 512
slowlog-log-slower-than i -1-2147483647 10000
slowlog-max-len i 0-2147483647 128
stream-node-max-bytes i 0-2147483647 4096
stream-node-max-entries i 0-2147483647 100
tcp-keepalive i 0-2147483647 300
timeout i 0-2147483647 0
tracking-table-max-keys i 1-100000000 1000000
zset-max-listpack-entries i 0-2147483647 128
zset-max-listpack-value i 0-2147483647 64
"""
POLICIES = (
    "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,"
    "volatile-ttl,noeviction"
)
_RANGE = re.compile(r"(-?\d+)-(\d+)")


@cache
def parameters(family: str) -> dict[str, dict[str, Any]]:
    """The parameters of a family as DescribeCacheParameters shows them at their defaults."""
    out: dict[str, dict[str, Any]] = {}
    for line in TABLE.strip().splitlines():
        name, flags, allowed, *default = line.split(" ", 3)
        if family == "redis6.x":
            name = name.replace("listpack", "ziplist")
        item: dict[str, Any] = {
            "ParameterName": name,
            "ParameterValue": default[0] if default else "",
            "Description": f"Sets {name}.",
            "Source": "system",
            "DataType": "integer" if flags[0] == "i" else "string",
            "IsModifiable": "!" not in flags,
            "MinimumEngineVersion": "6.0.5" if family == "redis6.x" else "7.0.4",
            "ChangeType": "requires-reboot" if "r" in flags else "immediate",
        }
        if allowed != "-":
            item["AllowedValues"] = allowed.replace("$POLICIES", POLICIES)
        out[name] = item
    return out


def acceptable(item: dict[str, Any], value: str) -> bool:
    """Whether a parameter may have this value."""
    allowed = item.get("AllowedValues", "")
    if item["DataType"] == "integer":
        span = _RANGE.fullmatch(allowed)
        if span is None or not re.fullmatch(r"-?\d+", value):
            return False
        return int(span[1]) <= int(value) <= int(span[2])
    return not allowed or value in allowed.split(",")
