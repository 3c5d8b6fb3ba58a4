"""What CreateReplicationGroup is sent.

https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html
"""

from __future__ import annotations

from controller.handler import Action, Target
from controller.kindlib.elasticache_modify import log_delivery
from controller.kindlib.reading import tag_list
from controller.policies import Doc

_PLAIN = {
    "engine": "Engine",
    "engineVersion": "EngineVersion",
    "cacheNodeType": "CacheNodeType",
    "automaticFailoverEnabled": "AutomaticFailoverEnabled",
    "multiAZ": "MultiAZEnabled",
    "transitEncryptionEnabled": "TransitEncryptionEnabled",
    "atRestEncryptionEnabled": "AtRestEncryptionEnabled",
    "kmsKeyId": "KmsKeyId",
    "authToken": "AuthToken",
    "snapshotRetentionLimit": "SnapshotRetentionLimit",
    "snapshotWindow": "SnapshotWindow",
    "preferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "cacheSubnetGroupName": "CacheSubnetGroupName",
    "securityGroupIds": "SecurityGroupIds",
    "cacheParameterGroupName": "CacheParameterGroupName",
    "port": "Port",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "notificationTopicArn": "NotificationTopicArn",
    "dataTieringEnabled": "DataTieringEnabled",
    "networkType": "NetworkType",
    "ipDiscovery": "IpDiscovery",
    "durability": "Durability",
    "preferredCacheClusterAZs": "PreferredCacheClusterAZs",
}


def creation(target: Target) -> Action:
    """The call that makes the group. Defaults that AWS has too are left to it; shards of other
    sizes (`replicaConfiguration`) are sized once AWS has numbered them."""
    spec = target.spec
    params: Doc = {
        "ReplicationGroupId": target.name,
        "ReplicationGroupDescription": spec.get("description") or f"Plumbline: {target.key}",
    }
    params |= {_PLAIN[name]: spec[name] for name in _PLAIN if name in spec}
    if spec.get("transitEncryptionMode") == "preferred":
        params["TransitEncryptionMode"] = "preferred"
    replicas = spec["replicasPerNodeGroup"]
    if spec.get("clusterMode", "disabled") == "disabled" and isinstance(replicas, int):
        params["NumCacheClusters"] = replicas + 1
    else:
        params["NumNodeGroups"] = spec["numNodeGroups"]
        params["ReplicasPerNodeGroup"] = replicas
    if spec.get("clusterMode", "disabled") != "disabled":
        params["ClusterMode"] = spec["clusterMode"]
    if spec.get("userGroupIds"):
        params["UserGroupIds"] = spec["userGroupIds"]
    if logs := spec.get("logDelivery"):
        params["LogDeliveryConfigurations"] = [
            log_delivery(kind, logs[kind]) for kind in sorted(logs)
        ]
    params["Tags"] = tag_list(target.tags)
    return Action("elasticache", "CreateReplicationGroup", params, step="create", creates=True)
