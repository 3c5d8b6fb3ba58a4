"""The registry of kinds. Adding a kind: one file in this folder, one line in `KINDS`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.handler import Handler

KINDS = {
    "LogGroup": "log_group:LogGroupHandler",
    "MetricFilter": "metric_filter:MetricFilterHandler",
    "Alarm": "alarm:AlarmHandler",
    "CompositeAlarm": "composite_alarm:CompositeAlarmHandler",
    "Dashboard": "dashboard:DashboardHandler",
    "Parameter": "parameter:ParameterHandler",
    "Secret": "secret:SecretHandler",
    "Topic": "topic:TopicHandler",
    "IPSet": "ip_set:IPSetHandler",
    "WebACL": "web_acl:WebACLHandler",
    "CacheParameterGroup": "cache_parameter_group:CacheParameterGroupHandler",
    "CacheSubnetGroup": "cache_subnet_group:CacheSubnetGroupHandler",
    "DBInstance": "db_instance:DBInstanceHandler",
    "DBParameterGroup": "db_parameter_group:DBParameterGroupHandler",
    "DBSubnetGroup": "db_subnet_group:DBSubnetGroupHandler",
    "ReplicationGroup": "replication_group:ReplicationGroupHandler",
    "SecurityGroup": "security_group:SecurityGroupHandler",
    "Cluster": "cluster:ClusterHandler",
    "Service": "service:ServiceHandler",
    "Task": "task:TaskHandler",
    "Stack": "stack:StackHandler",
}
"""Kind → `module:class`. Imported when first used: an environment pays for the kinds it has."""


@cache
def handler_for(kind: str) -> Handler:
    """The handler of a kind. Raises `KeyError` for an unknown one."""
    module, _, name = KINDS[kind].partition(":")
    handler: Handler = getattr(import_module(f"controller.kinds.{module}"), name)()
    return handler
