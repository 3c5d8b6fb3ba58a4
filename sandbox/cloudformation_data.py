"""CloudFormation's RDS and ElastiCache types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_RDS.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ElastiCache.html
"""

from __future__ import annotations

from sandbox.cloudformation_calls import Doc, Failed, Job, fit, paths
from sandbox.cloudformation_providers import Named, Provider, chunks, provides

FINAL = ("failed", "incompatible-parameters", "incompatible-network", "storage-full")


@provides("AWS::RDS::DBSubnetGroup")
class DBSubnetGroup(Named):
    """A DB subnet group; RDS keeps its name in lower case."""

    service, name, lower = "rds", "DBSubnetGroupName", True
    makes, removes, missing = (
        "CreateDBSubnetGroup", "DeleteDBSubnetGroup", "DBSubnetGroupNotFoundFault",
    )  # fmt: skip
    noun, arn, arn_attribute = "DBSubnetGroup", "DBSubnetGroupArn", "DBSubnetGroupArn"

    def physical(self, name: str, made: Doc) -> str:
        """As RDS keeps it."""
        return str(made["DBSubnetGroupName"])


@provides("AWS::RDS::DBParameterGroup")
class DBParameterGroup(Named):
    """A DB parameter group, then its parameters, twenty to a call."""

    service, name, lower = "rds", "DBParameterGroupName", True
    makes, removes, missing = (
        "CreateDBParameterGroup", "DeleteDBParameterGroup", "DBParameterGroupNotFound",
    )  # fmt: skip
    noun, arn, arn_attribute = "DBParameterGroup", "DBParameterGroupArn", "DBParameterGroupArn"
    rename = {"Family": "DBParameterGroupFamily"}  # noqa: RUF012 - never changed
    skip = ("Parameters",)

    def physical(self, name: str, made: Doc) -> str:
        """As RDS keeps it."""
        return str(made["DBParameterGroupName"])

    def then(self, job: Job, properties: Doc) -> None:
        """Its parameters are set once it can be read."""
        job.made["wanted"] = {k: str(v) for k, v in (properties.get("Parameters") or {}).items()}

    def ready(self, job: Job) -> bool:
        """Static parameters can only wait for a reboot, which dynamic ones need not.

        Which apply method the provider sends is not documented (assumed: each one's own).
        """
        wanted: dict[str, str] = job.made["wanted"]
        kinds = self._kinds(job) if wanted else {}
        if kinds is None:
            return False
        said = [
            {
                "ParameterName": name,
                "ParameterValue": value,
                "ApplyMethod": "immediate" if kinds.get(name) == "dynamic" else "pending-reboot",
            }
            for name, value in wanted.items()
        ]
        for part in chunks(said, 20):
            job.call(
                "rds", "ModifyDBParameterGroup", DBParameterGroupName=job.physical, Parameters=part
            )
        return True

    def _kinds(self, job: Job) -> dict[str, str] | None:
        """Parameter → static or dynamic; None while the group can't be read."""
        found: dict[str, str] = {}
        marker: Doc = {}
        while True:
            page = job.call.quietly(
                "rds", "DescribeDBParameters", self.missing,
                DBParameterGroupName=job.physical, **marker,
            )  # fmt: skip
            if page is None:
                return None
            found |= {p["ParameterName"]: p["ApplyType"] for p in page["Parameters"]}
            if not page.get("Marker"):
                return found
            marker = {"Marker": page["Marker"]}


@provides("AWS::RDS::DBInstance")
class DBInstance(Provider):
    """A DB instance, made once it is available."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call; what only a modification or a deletion would need is not sent."""
        said = dict(properties)
        name = said.pop("DBInstanceIdentifier", None) or job.name(63, lower=True)
        said["DBInstanceIdentifier"] = name
        if key := (said.pop("MasterUserSecret", None) or {}).get("KmsKeyId"):
            said["MasterUserSecretKmsKeyId"] = key
        if tags := job.tagged(properties):
            said["Tags"] = tags
        params = fit(
            "rds", "CreateDBInstance", said,
            rename={"VPCSecurityGroups": "VpcSecurityGroupIds"},
            skip=("AllowMajorVersionUpgrade", "ApplyImmediately", "CertificateRotationRestart",
                  "DeleteAutomatedBackups", "UseDefaultProcessorFeatures"),
        )  # fmt: skip
        made = job.call("rds", "CreateDBInstance", **params)["DBInstance"]
        attributes = paths(made, "DBInstanceArn", "DbiResourceId")
        job.hold(made["DBInstanceIdentifier"], attributes, made["DBInstanceArn"])

    def ready(self, job: Job) -> bool:
        """Once it is available, its endpoint is known."""
        found = job.call.quietly(
            "rds", "DescribeDBInstances", "DBInstanceNotFound", DBInstanceIdentifier=job.physical
        )
        if found is None:
            return False
        held = found["DBInstances"][0]
        if held["DBInstanceStatus"] in FINAL:
            raise Failed(f"DB instance {job.physical} is in state {held['DBInstanceStatus']}")
        if held["DBInstanceStatus"] != "available":
            return False
        known = paths(
            held, "Endpoint.Address", "Endpoint.Port", "Endpoint.HostedZoneId",
            "MasterUserSecret.SecretArn",
        )  # fmt: skip
        job.hold(job.physical, known)
        return True

    def delete(self, job: Job) -> None:
        """With a snapshot (`DeletionPolicy` is Snapshot by default) where there is something."""
        last: Doc = {"SkipFinalSnapshot": True}
        if job.made.get("policy") != "Delete":
            name = f"{job.stack}-snapshot-{job.logical}-{job.token(12)}".lower()
            last = {"FinalDBSnapshotIdentifier": name}
        job.call.quietly(
            "rds", "DeleteDBInstance", "DBInstanceNotFound",
            DBInstanceIdentifier=job.physical, **last,
        )  # fmt: skip

    def gone(self, job: Job) -> bool:
        """Once RDS knows it no more."""
        return not job.call.quietly(
            "rds", "DescribeDBInstances", "DBInstanceNotFound", DBInstanceIdentifier=job.physical
        )


@provides("AWS::ElastiCache::SubnetGroup")
class CacheSubnetGroup(Named):
    """A cache subnet group."""

    service, name, lower = "elasticache", "CacheSubnetGroupName", True
    makes, removes, missing = (
        "CreateCacheSubnetGroup", "DeleteCacheSubnetGroup", "CacheSubnetGroupNotFoundFault",
    )  # fmt: skip
    noun = "CacheSubnetGroup"
    rename = {"Description": "CacheSubnetGroupDescription"}  # noqa: RUF012 - never changed

    def physical(self, name: str, made: Doc) -> str:
        """As ElastiCache keeps it."""
        return str(made["CacheSubnetGroupName"])


@provides("AWS::ElastiCache::ParameterGroup")
class CacheParameterGroup(Named):
    """A cache parameter group, then its parameters, twenty to a call."""

    service, name, lower = "elasticache", "CacheParameterGroupName", True
    makes, removes, missing = (
        "CreateCacheParameterGroup", "DeleteCacheParameterGroup", "CacheParameterGroupNotFound",
    )  # fmt: skip
    noun = "CacheParameterGroup"
    skip = ("Properties",)

    def physical(self, name: str, made: Doc) -> str:
        """As ElastiCache keeps it."""
        return str(made["CacheParameterGroupName"])

    def attributes(self, made: Doc) -> Doc:
        """Its name, once more."""
        return paths(made, "CacheParameterGroupName")

    def then(self, job: Job, properties: Doc) -> None:
        """Its parameters."""
        said = [
            {"ParameterName": name, "ParameterValue": str(value)}
            for name, value in (properties.get("Properties") or {}).items()
        ]
        for part in chunks(said, 20):
            job.call(
                "elasticache", "ModifyCacheParameterGroup",
                CacheParameterGroupName=job.physical, ParameterNameValues=part,
            )  # fmt: skip


@provides("AWS::ElastiCache::ReplicationGroup")
class ReplicationGroup(Provider):
    """A replication group, made once it is available."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        said = dict(properties)
        said["ReplicationGroupId"] = said.get("ReplicationGroupId") or job.name(40, lower=True)
        if tags := job.tagged(properties):
            said["Tags"] = tags
        params = fit("elasticache", "CreateReplicationGroup", said)
        made = job.call("elasticache", "CreateReplicationGroup", **params)["ReplicationGroup"]
        job.hold(made["ReplicationGroupId"], {})

    def ready(self, job: Job) -> bool:
        """Once it is available, its endpoints are known."""
        found = self._found(job)
        if not found or found["Status"] != "available":
            if found and found["Status"] == "create-failed":
                raise Failed(f"Replication group {job.physical} could not be created")
            return False
        known: Doc = {}
        if "ConfigurationEndpoint" in found:
            end = found["ConfigurationEndpoint"]
            known |= {f"ConfigurationEndPoint.{k}": str(v) for k, v in end.items()}
        else:
            node = found["NodeGroups"][0]
            readers = [m["ReadEndpoint"] for m in node["NodeGroupMembers"] if "ReadEndpoint" in m]
            for name, end in (
                ("PrimaryEndPoint", node["PrimaryEndpoint"]),
                ("ReaderEndPoint", node["ReaderEndpoint"]),
            ):
                known |= {f"{name}.{k}": str(v) for k, v in end.items()}
            known["ReadEndPoint.Addresses.List"] = [r["Address"] for r in readers]
            known["ReadEndPoint.Ports.List"] = [str(r["Port"]) for r in readers]
        job.hold(job.physical, known)
        return True

    def _found(self, job: Job) -> Doc | None:
        reply = job.call.quietly(
            "elasticache", "DescribeReplicationGroups", "ReplicationGroupNotFoundFault",
            ReplicationGroupId=job.physical,
        )  # fmt: skip
        groups = reply["ReplicationGroups"] if reply else []
        return groups[0] if groups else None

    def delete(self, job: Job) -> None:
        """With a snapshot, unless `DeletionPolicy` says Delete or nothing."""
        last: Doc = {}
        if job.made.get("policy") == "Snapshot":
            name = f"{job.stack}-snapshot-{job.logical}-{job.token(12)}".lower()
            last = {"FinalSnapshotIdentifier": name}
        job.call.quietly(
            "elasticache", "DeleteReplicationGroup", "ReplicationGroupNotFoundFault",
            ReplicationGroupId=job.physical, **last,
        )  # fmt: skip

    def gone(self, job: Job) -> bool:
        """Once ElastiCache knows it no more."""
        return self._found(job) is None
