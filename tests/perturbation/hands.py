"""Somebody else's hands: how each field is changed through AWS's public API, without Plumbline.

Written from AWS's API reference, not from the handlers: where a field stands in what Describe or
Get shows, and which call takes it. `Refused`: AWS takes no such change; `NoCall`: it has no call
for it. Then `edit_store` changes what the sandbox keeps, and the reason stands in `reasons.py`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

from botocore.exceptions import ClientError, ParamValidationError

from sandbox.data_services import context
from sandbox.errors import NotSimulated
from tests.perturbation import service_words as words
from tests.perturbation.bench import Bench
from tests.perturbation.leaves import Leaf
from tests.perturbation.words import ANY, GONE, Doc, Raw, Way, change, pairs, pascal


class NoCall(Exception):
    """AWS has no call that changes this."""


class Refused(Exception):
    """AWS refuses this change by itself."""


def _public(call: Callable[..., Any], **params: Any) -> Any:
    try:
        return call(**params)
    except ClientError as error:
        raise Refused(f"{error.response['Error']['Code']}: {error}") from None
    except ParamValidationError as error:
        raise Refused(str(error)) from None
    except NotSimulated as hole:
        raise NoCall(f"the sandbox has no {hole}") from None


def variants(raw: Any, way: Way, shape: Any) -> Iterator[tuple[Way, Any]]:
    """Every word and number at and below `way` in turn, with another one, by botocore's model."""
    for step in way:
        if isinstance(step, tuple):
            raw = next(e for e in raw if e.get(step[0]) == step[1])
            shape = shape.member
        else:
            raw = raw.get(step)
            shape = shape.members[step] if shape.type_name == "structure" else shape.value
        if raw is None:
            return
    yield from _below(raw, way, shape)


def _below(raw: Any, way: Way, shape: Any) -> Iterator[tuple[Way, Any]]:
    kind = shape.type_name
    if kind == "structure":
        for name, value in raw.items():
            yield from _below(value, [*way, name], shape.members[name])
    elif kind == "map":
        for key, value in raw.items():
            yield from _below(value, [*way, key], shape.value)
    elif kind == "list":
        for index, item in enumerate(raw):
            for inner, value in _below(item, [], shape.member):
                yield way, Raw(partial(_in_list, index=index, way=inner, value=value))
    elif kind == "string" and shape.enum:
        yield from ((way, word) for word in shape.enum if word != raw)
    elif kind == "string":
        yield way, f"{raw}x" if len(raw) != 2 else "FR"
    elif kind == "blob":
        yield way, bytes(raw) + b"x"
    elif kind == "boolean":
        yield way, not raw
    elif kind in ("integer", "long", "float", "double"):
        yield way, raw + 60


def _in_list(held: list[Any], index: int, way: Way, value: Any) -> list[Any]:
    if way:
        change(held[index], way, value)
    else:
        held[index] = value
    return held


class Hand:
    """What changes the resources of one kind."""

    service = ""
    wait_s = 60.0

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.aws = bench.aws

    def client(self) -> Any:
        return self.aws.client(self.service)

    def store(self) -> Doc:
        """What the sandbox keeps of the service."""
        kept: Doc = context(self.bench.world, self.service).store
        return kept

    def do(self, name: str, leaf: Leaf, value: Any) -> None:
        """Make the change, by public calls."""
        if leaf.steps[0] == "tags":
            self.tag(self.arn(name), str(leaf.steps[1]), value)
        else:
            self.field(name, leaf, value)

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        raise NotImplementedError

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        raise NotImplementedError(f"{leaf}: no way to it in the sandbox's store")

    def arn(self, name: str) -> str:
        raise NotImplementedError

    def tag(self, arn: str, key: str, value: Any) -> None:
        raise NotImplementedError

    def settle(self, name: str) -> None:
        """Let AWS finish."""
        self.bench.later(self.wait_s)

    def an_arn(self, resource: str) -> str:
        world = self.bench.world
        return f"arn:aws:{self.service}:{world.region}:{world.account}:{resource}"


class LogGroups(Hand):
    service = "logs"

    def arn(self, name: str) -> str:
        return self.an_arn(f"log-group:{name}")

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().untag_resource(resourceArn=arn, tagKeys=[key])
        else:
            self.client().tag_resource(resourceArn=arn, tags={key: value})

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        logs, field = self.client(), leaf.general
        if field == "retentionInDays":
            logs.put_retention_policy(logGroupName=name, retentionInDays=value)
        elif field == "kmsKeyId":
            logs.associate_kms_key(logGroupName=name, kmsKeyId=value)
        elif field == "deletionProtectionEnabled":
            logs.put_log_group_deletion_protection(
                logGroupIdentifier=name, deletionProtectionEnabled=value
            )
        elif field == "bearerTokenAuthenticationEnabled":
            logs.put_bearer_token_authentication(
                logGroupIdentifier=name, bearerTokenAuthenticationEnabled=value
            )
        else:
            raise NoCall

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        self.store()["groups"][name][leaf.general] = value


class Parameters(Hand):
    service = "ssm"

    def arn(self, name: str) -> str:
        return name

    def tag(self, arn: str, key: str, value: Any) -> None:
        who = {"ResourceType": "Parameter", "ResourceId": arn}
        if value is GONE:
            self.client().remove_tags_from_resource(**who, TagKeys=[key])
        else:
            self.client().add_tags_to_resource(**who, Tags=[{"Key": key, "Value": value}])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        shown = self.client().get_parameter(Name=name)["Parameter"]
        params = {"Value": shown["Value"], pascal(leaf.general): value}
        _public(self.client().put_parameter, Name=name, Overwrite=True, **params)

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        self.store()["parameters"][name][pascal(leaf.general)] = value


class MetricFilters(Hand):
    service = "logs"
    of_filter = (
        "filterPattern", "applyOnTransformedLogs", "fieldSelectionCriteria",
        "emitSystemFieldDimensions",
    )  # fmt: skip

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        shown = self.client().describe_metric_filters()["metricFilters"]
        [raw] = [f for f in shown if f["filterName"] == name]
        members = self.client().meta.service_model.operation_model("PutMetricFilter").input_shape
        wanted = {k: v for k, v in raw.items() if k in members.members}
        of = wanted if leaf.steps[0] in self.of_filter else wanted["metricTransformations"][0]
        change(of, [str(step) for step in leaf.steps], value)
        _public(self.client().put_metric_filter, **wanted)


class Topics(Hand):
    service = "sns"

    def arn(self, name: str) -> str:
        return self.an_arn(name)

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().untag_resource(ResourceArn=arn, TagKeys=[key])
        else:
            self.client().tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value}])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        sns, arn = self.client(), self.arn(name)
        if leaf.steps[0] == "subscriptions":
            self.heard(leaf, value)
        elif leaf.general == "fifoTopic":
            raise NoCall
        elif leaf.steps[0] == "deliveryPolicy":
            shown = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DeliveryPolicy"]
            policy = json.loads(shown)
            change(policy, list(leaf.steps[1:]), value)
            self.set(arn, "DeliveryPolicy", json.dumps(policy))
        else:
            value = json.dumps(value) if isinstance(value, dict) else value
            text = str(value).lower() if isinstance(value, bool) else str(value)
            self.set(arn, pascal(leaf.general), text)

    def set(self, arn: str, name: str, value: str) -> None:
        _public(
            self.client().set_topic_attributes, TopicArn=arn, AttributeName=name,
            AttributeValue=value,
        )  # fmt: skip

    def heard(self, leaf: Leaf, value: Any) -> None:
        sns, (found,) = self.client(), self.kept(leaf)
        if len(leaf.steps) == 2:
            sns.unsubscribe(SubscriptionArn=found["_arn"])
            return
        if leaf.general.endswith(("protocol", "endpoint")):
            raise NoCall
        name = pascal(str(leaf.steps[2]))
        if name == "RedrivePolicy":
            value = {"deadLetterTargetArn": value}
        text = json.dumps(value) if isinstance(value, (dict, bool)) else value
        _public(
            sns.set_subscription_attributes, SubscriptionArn=found["_arn"], AttributeName=name,
            AttributeValue=text,
        )  # fmt: skip

    def kept(self, leaf: Leaf) -> list[Doc]:
        """The subscription that a leaf is in, as the sandbox keeps it."""
        there = self.store()["subscriptions"].values()
        return [s for s in there if f"[{s['Protocol']}/{s['Endpoint']}]" in leaf.path]

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        if leaf.steps[0] == "subscriptions":
            self.kept(leaf)[0][pascal(str(leaf.steps[2]))] = value
        else:
            self.store()["topics"][self.arn(name)][pascal(leaf.general)] = str(value).lower()


class Alarms(Hand):
    service = "cloudwatch"
    named: ClassVar[dict[str, Any]] = {"description": "AlarmDescription", "okActions": "OKActions"}

    def arn(self, name: str) -> str:
        return self.an_arn(f"alarm:{name}")

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().untag_resource(ResourceARN=arn, TagKeys=[key])
        else:
            self.client().tag_resource(ResourceARN=arn, Tags=[{"Key": key, "Value": value}])

    def way(self, leaf: Leaf, raw: Doc) -> Way:
        steps = leaf.steps
        if steps[0] == "dimensions":
            return pairs("Dimensions", leaf, "Name", "Value")
        if leaf.general == "evaluationWindow.timezone":
            return ["EvaluationWindow", "WallClockWindow", "Timezone"]
        if steps[0] != "metrics" and len(steps) > 1 and steps[1] != "type":
            return [pascal(str(step)) for step in steps]
        if steps[0] != "metrics":
            return [self.named.get(str(steps[0]), pascal(str(steps[0])))]
        query: Way = ["Metrics", ("Id", steps[1])]
        if len(steps) == 2:
            return query
        field = str(steps[2])
        if field in ("expression", "label", "returnData", "accountId"):
            return [*query, pascal(field)]
        (entry,) = (q for q in raw["Metrics"] if q["Id"] == steps[1])
        if "MetricStat" not in entry:
            return [*query, pascal(field)]
        if field in ("period", "stat", "unit"):
            return [*query, "MetricStat", pascal(field)]
        if field == "dimensions":
            return [*query, "MetricStat", "Metric", *pairs("Dimensions", leaf, "Name", "Value")]
        return [*query, "MetricStat", "Metric", pascal(field)]

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        raw = client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        members = client.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
        wanted = {k: v for k, v in raw.items() if k in members and v not in ([], "")}
        change(wanted, self.way(leaf, wanted), value)
        _public(client.put_metric_alarm, **wanted)

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        raw = self.store()["alarms"][name]
        change(raw, self.way(leaf, raw), value)


class CompositeAlarms(Alarms):
    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        found = client.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])
        raw = found["CompositeAlarms"][0]
        members = client.meta.service_model.operation_model("PutCompositeAlarm").input_shape.members
        wanted = {k: v for k, v in raw.items() if k in members and v not in ([], "")}
        change(wanted, self.way(leaf, wanted), value)
        _public(client.put_composite_alarm, **wanted)


class Dashboards(Alarms):
    def arn(self, name: str) -> str:
        return self.an_arn(f"dashboard/{name}").replace(f":{self.bench.world.region}:", "::")

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        shown = client.get_dashboard(DashboardName=name)["DashboardBody"]
        changed = self.edited(shown, leaf, value)
        _public(client.put_dashboard, DashboardName=name, DashboardBody=changed)

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        kept = self.store()["dashboards"][name]
        kept["body"] = self.edited(kept["body"], leaf, value)

    def edited(self, text: str, leaf: Leaf, value: Any) -> str:
        body = json.loads(text)
        held: Any = body
        *way, last = leaf.steps
        if last == "region":
            way.append("properties")
        for step in way:
            held = held[step]
        if value is GONE:
            del held[last]
        else:
            held[last] = value
        return json.dumps(body)


class Secrets(Hand):
    service = "secretsmanager"

    def arn(self, name: str) -> str:
        return name

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().untag_resource(SecretId=arn, TagKeys=[key])
        else:
            self.client().tag_resource(SecretId=arn, Tags=[{"Key": key, "Value": value}])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        if leaf.general == "description":
            client.update_secret(SecretId=name, Description=value)
        elif leaf.general == "kmsKeyId":
            client.update_secret(SecretId=name, KmsKeyId=value)
        elif leaf.general == "deletionScheduled":
            client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
        elif leaf.general == "rotationEnabled":
            client.cancel_rotate_secret(SecretId=name)
        elif leaf.general.startswith("rotation"):
            shown = client.describe_secret(SecretId=name)
            params: Doc = {
                "RotationLambdaARN": shown["RotationLambdaARN"],
                "RotationRules": dict(shown["RotationRules"]),
            }
            if "ScheduleExpression" in params["RotationRules"]:
                params["RotationRules"].pop("AutomaticallyAfterDays", None)
            change(params, [pascal(str(step)) for step in leaf.steps], value)
            _public(client.rotate_secret, SecretId=name, RotateImmediately=False, **params)
        elif leaf.general == "replicaRegions[*]":
            client.remove_regions_from_replication(
                SecretId=name, RemoveReplicaRegions=[str(leaf.steps[1])]
            )
        elif leaf.general == "generate":  # the current value is labelled something else
            versions = client.describe_secret(SecretId=name)["VersionIdsToStages"]
            (current,) = (v for v, stages in versions.items() if "AWSCURRENT" in stages)
            _public(
                client.update_secret_version_stage, SecretId=name, VersionStage="AWSCURRENT",
                RemoveFromVersionId=current,
            )  # fmt: skip
        else:
            raise NoCall

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        (secret,) = (s for s in self.store()["secrets"].values() if s["Name"] == name)
        (replica,) = (r for r in secret["ReplicationStatus"] if r["Region"] == leaf.steps[1])
        replica["KmsKeyId"] = value


class Groups(Hand):
    """Subnet groups and parameter groups of RDS and ElastiCache."""

    prefix = ""
    tag_member = ""

    def tag(self, arn: str, key: str, value: Any) -> None:
        client, name = self.client(), {self.tag_member: arn}
        if value is GONE:
            client.remove_tags_from_resource(**name, TagKeys=[key])
        else:
            client.add_tags_to_resource(**name, Tags=[{"Key": key, "Value": value}])


class SecurityGroups(Hand):
    """As the console does it: by the ids of rules."""

    service = "ec2"
    members: ClassVar[dict[str, str]] = {"ingress": "Ingress", "egress": "Egress"}

    def arn(self, name: str) -> str:
        filters = [{"Name": "group-name", "Values": [name]}]
        found = self.client().describe_security_groups(Filters=filters)["SecurityGroups"]
        return str(found[0]["GroupId"])

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().delete_tags(Resources=[arn], Tags=[{"Key": key}])
        else:
            self.client().create_tags(Resources=[arn], Tags=[{"Key": key, "Value": value}])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        direction = str(leaf.steps[0])
        if direction not in self.members:
            raise NoCall
        ec2, group = self.client(), self.arn(name)
        rule_id, held = self.rule(group, leaf)
        if value is GONE:
            call = getattr(ec2, f"revoke_security_group_{direction}")
            _public(call, GroupId=group, SecurityGroupRuleIds=[rule_id])
        else:
            wanted = {k: v for k, v in {**held, **value(held)}.items() if v is not None}
            rules = [{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": wanted}]
            _public(ec2.modify_security_group_rules, GroupId=group, SecurityGroupRules=rules)

    def rule(self, group: str, leaf: Leaf) -> tuple[str, Doc]:
        """The id of the rule that a leaf is in, and what a request would say of it."""
        filters = [{"Name": "group-id", "Values": [group]}]
        held = self.client().describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        wanted = self.bench.current[leaf.steps[0]][leaf.steps[1]]
        peer = group if wanted["peer"] == "self" else wanted["peer"]
        for each in held:
            other = each.pop("ReferencedGroupInfo", {}).get("GroupId")
            if other:
                each["ReferencedGroupId"] = other
            peers = {each.get(k) for k in ("CidrIpv4", "CidrIpv6", "ReferencedGroupId")}
            egress = leaf.steps[0] == "egress"
            if each["IsEgress"] is egress and peer in peers and self.same(each, wanted):
                known = (
                    "IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6",
                    "ReferencedGroupId", "Description",
                )  # fmt: skip
                return each["SecurityGroupRuleId"], {k: each[k] for k in known if k in each}
        raise NoCall

    @staticmethod
    def same(shown: Doc, wanted: Doc) -> bool:
        return bool(shown["IpProtocol"] == wanted["protocol"])

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        held = self.store()["groups"][self.arn(name)]
        held[{"vpcId": "VpcId", "description": "Description"}[leaf.general]] = value


class DbGroups(Groups):
    service, tag_member = "rds", "ResourceName"


class CacheGroups(Groups):
    service, tag_member = "elasticache", "ResourceName"


class DbSubnetGroups(DbGroups):
    def arn(self, name: str) -> str:
        return self.an_arn(f"subgrp:{name}")

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        held = client.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"][0]
        ids = [s["SubnetIdentifier"] for s in held["Subnets"]]
        params = {"SubnetIds": ids, "DBSubnetGroupDescription": held["DBSubnetGroupDescription"]}
        params["SubnetIds" if leaf.general == "subnetIds" else "DBSubnetGroupDescription"] = value
        _public(client.modify_db_subnet_group, DBSubnetGroupName=name, **params)


class CacheSubnetGroups(CacheGroups):
    def arn(self, name: str) -> str:
        return self.an_arn(f"subnetgroup:{name}")

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        member = "SubnetIds" if leaf.general == "subnetIds" else "CacheSubnetGroupDescription"
        _public(
            self.client().modify_cache_subnet_group, CacheSubnetGroupName=name, **{member: value}
        )


class DbParameterGroups(DbGroups):
    def arn(self, name: str) -> str:
        return self.an_arn(f"pg:{name}")

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        if leaf.steps[0] != "parameters":
            raise NoCall
        parameter = {"ParameterName": leaf.steps[1], "ApplyMethod": "pending-reboot"}
        if value is GONE:
            _public(
                self.client().reset_db_parameter_group, DBParameterGroupName=name,
                Parameters=[parameter],
            )  # fmt: skip
            return
        _public(
            self.client().modify_db_parameter_group, DBParameterGroupName=name,
            Parameters=[{**parameter, "ParameterValue": str(value)}],
        )  # fmt: skip

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        member = {"family": "DBParameterGroupFamily", "description": "Description"}[leaf.general]
        self.find(name)[member] = value

    def find(self, name: str) -> Doc:
        """The stored document of that name, wherever the sandbox keeps it."""
        for part in self.store().values():
            if isinstance(part, dict) and isinstance(part.get(name), dict):
                found: Doc = part[name]
                return found
        raise LookupError(name)


class CacheParameterGroups(CacheGroups):
    find = DbParameterGroups.find

    def arn(self, name: str) -> str:
        return self.an_arn(f"parametergroup:{name}")

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        if leaf.steps[0] != "parameters":
            raise NoCall
        call, parameter = "modify", {"ParameterName": leaf.steps[1], "ParameterValue": str(value)}
        if value is GONE:
            call, parameter = "reset", {"ParameterName": leaf.steps[1]}
        _public(
            getattr(self.client(), f"{call}_cache_parameter_group"),
            CacheParameterGroupName=name, ParameterNameValues=[parameter],
        )  # fmt: skip

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        member = {"family": "CacheParameterGroupFamily", "description": "Description"}
        self.find(name)[member[leaf.general]] = value


class DbInstances(DbGroups):
    named: ClassVar[dict[str, Any]] = {
        "multiAZ": "MultiAZ", "port": "DBPortNumber", "iamDatabaseAuthentication":
        "EnableIAMDatabaseAuthentication", "caCertificateIdentifier": "CACertificateIdentifier",
        "dbInstanceClass": "DBInstanceClass", "dbParameterGroupName": "DBParameterGroupName",
        "domainIAMRoleName": "DomainIAMRoleName",
        "dbSubnetGroupName": "DBSubnetGroupName",
        "performanceInsights.enabled": "EnablePerformanceInsights",
        "performanceInsights.retentionPeriod": "PerformanceInsightsRetentionPeriod",
        "performanceInsights.kmsKeyId": "PerformanceInsightsKMSKeyId",
    }  # fmt: skip
    stored: ClassVar[dict[str, Any]] = {
        "engine": "Engine", "storageEncrypted": "StorageEncrypted", "kmsKeyId": "KmsKeyId",
        "availabilityZone": "AvailabilityZone", "dbSubnetGroupName": "_subnet_group",
        "dbName": "DBName", "masterUsername": "MasterUsername", "networkType": "NetworkType",
        "licenseModel": "LicenseModel", "multiAZ": "MultiAZ",
        "performanceInsights.kmsKeyId": "PerformanceInsightsKMSKeyId",
        "performanceInsights.enabled": "PerformanceInsightsEnabled",
        "performanceInsights.retentionPeriod": "PerformanceInsightsRetentionPeriod",
        "monitoringRoleArn": "MonitoringRoleArn", "storageType": "StorageType",
        "databaseInsightsMode": "DatabaseInsightsMode",
        "iops": "Iops", "storageThroughput": "StorageThroughput",
        "allocatedStorage": "AllocatedStorage", "backupTarget": "BackupTarget",
        "dedicatedLogVolume": "DedicatedLogVolume",
        "characterSetName": "CharacterSetName", "ncharCharacterSetName": "NcharCharacterSetName",
        "timezone": "Timezone",
    }  # fmt: skip

    def arn(self, name: str) -> str:
        return self.an_arn(f"db:{name}")

    def shown(self, name: str) -> Doc:
        found: Doc = self.client().describe_db_instances(DBInstanceIdentifier=name)
        return dict(found["DBInstances"][0])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        members = client.meta.service_model.operation_model("ModifyDBInstance").input_shape.members
        member = self.named.get(leaf.general, pascal(leaf.general))
        params: Doc = {member: value}
        held = self.shown(name)
        if leaf.general == "enabledCloudwatchLogsExports":
            now = set(held["EnabledCloudwatchLogsExports"])
            params = {"CloudwatchLogsExportConfiguration": {
                "EnableLogTypes": sorted(set(value) - now),
                "DisableLogTypes": sorted(now - set(value)),
            }}  # fmt: skip
        elif leaf.general == "allocatedStorage" and (
            held["AllocatedStorage"] >= 200 or held["Engine"].startswith("sqlserver")
        ):
            params["Iops"] = held["Iops"]
        elif leaf.general == "iops" or leaf.general == "storageThroughput":
            params["AllocatedStorage"] = held["AllocatedStorage"]
        elif leaf.steps[0] == "processorFeatures":
            now = {f["Name"]: f["Value"] for f in held["ProcessorFeatures"]}
            now = {k: str(v) for k, v in {**now, leaf.steps[1]: value}.items() if v is not GONE}
            params = {"ProcessorFeatures": [{"Name": k, "Value": v} for k, v in now.items()]}
            if not now:
                params = {"UseDefaultProcessorFeatures": True}
        elif leaf.general.startswith("domain"):
            (membership,) = held["DomainMemberships"]
            shown = {"IAMRoleName": "DomainIAMRoleName", "FQDN": "DomainFqdn", "OU": "DomainOu",
                     "AuthSecretArn": "DomainAuthSecretArn", "DnsIps": "DomainDnsIps",
                     "Domain": "Domain"}  # fmt: skip
            params = {shown[k]: v for k, v in membership.items() if k in shown} | params
        elif leaf.general == "manageMasterUserPassword" and value is False:
            params["MasterUserPassword"] = "correct-horse-battery"
        elif leaf.general == "manageMasterUserPassword":
            params["ManageMasterUserPassword"] = True
        elif member not in members:
            raise NoCall
        _public(
            client.modify_db_instance, DBInstanceIdentifier=name, ApplyImmediately=True, **params
        )

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        stored = self.store()["instances"][name]
        if leaf.general == "availabilityZone":
            stored["AvailabilityZone"] = value
            return
        if leaf.general == "dbSubnetGroupName":
            client = self.client()
            ids = [self.bench.extra["subnet"], *self.bench.extra["seeded"][
                "network/private-subnets"].split(",")]  # fmt: skip
            client.create_db_subnet_group(
                DBSubnetGroupName=value, DBSubnetGroupDescription="another", SubnetIds=ids
            )
        if leaf.general == "masterUserSecretKmsKeyId":
            stored["MasterUserSecret"]["KmsKeyId"] = value
            return
        if leaf.general == "optionGroupName":
            stored["OptionGroupMemberships"][0]["OptionGroupName"] = value
            return
        stored[self.stored[leaf.general]] = value

    def settle(self, name: str) -> None:
        for _ in range(60):
            self.bench.later(120)
            shown = self.shown(name)
            if shown["DBInstanceStatus"] == "available" and not shown["PendingModifiedValues"]:
                break
        self.bench.later(7 * 3600)  # out of the six hours between two changes of storage


class ReplicationGroups(CacheGroups):
    named: ClassVar[dict[str, Any]] = {
        "description": "ReplicationGroupDescription", "multiAZ": "MultiAZEnabled",
    }  # fmt: skip
    stored: ClassVar[dict[str, Any]] = {
        "engine": "Engine", "atRestEncryptionEnabled": "AtRestEncryptionEnabled",
        "kmsKeyId": "KmsKeyId", "cacheSubnetGroupName": "_subnet_group", "port": "_port",
        "networkType": "NetworkType", "ipDiscovery": "IpDiscovery", "clusterMode": "ClusterMode",
        "transitEncryptionEnabled": "TransitEncryptionEnabled",
        "transitEncryptionMode": "TransitEncryptionMode", "cacheNodeType": "CacheNodeType",
        "dataTieringEnabled": "DataTiering", "userGroupIds": "UserGroupIds",
        "automaticFailoverEnabled": "AutomaticFailover", "multiAZ": "MultiAZ",
        "durability": "Durability", "allowUnauthenticated": "AuthTokenEnabled",
    }  # fmt: skip

    def arn(self, name: str) -> str:
        return self.an_arn(f"replicationgroup:{name}")

    def shown(self, name: str) -> Doc:
        found: Doc = self.client().describe_replication_groups(ReplicationGroupId=name)
        return dict(found["ReplicationGroups"][0])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        of_modify = client.meta.service_model.operation_model("ModifyReplicationGroup")
        group: Doc = {"ReplicationGroupId": name, "ApplyImmediately": True}
        if leaf.general == "replicasPerNodeGroup":
            now = len(self.shown(name)["NodeGroups"][0]["NodeGroupMembers"]) - 1
            call = client.increase_replica_count if value > now else client.decrease_replica_count
            if leaf.steps == ("replicasPerNodeGroup",) and name.endswith("sharded"):
                shard = {"NodeGroupId": "0001", "NewReplicaCount": value}
                _public(call, **group, ReplicaConfiguration=[shard])
                return
            _public(call, **group, NewReplicaCount=value)
            return
        if leaf.general == "replicaConfiguration":
            shard, count = str(leaf.steps[1]), 1 if value is GONE else value
            (now,) = (s for s in self.shown(name)["NodeGroups"] if s["NodeGroupId"] == shard)
            more = count > len(now["NodeGroupMembers"]) - 1
            call = client.increase_replica_count if more else client.decrease_replica_count
            sized = [{"NodeGroupId": shard, "NewReplicaCount": count}]
            _public(call, **group, ReplicaConfiguration=sized)
            return
        if leaf.general == "userGroupIds":
            client.create_user_group(UserGroupId="users", Engine="redis", UserIds=["default"])
            self.bench.later(60)
            if not name.endswith("open"):
                group["AuthTokenUpdateStrategy"] = "DELETE"
            _public(client.modify_replication_group, **group, UserGroupIdsToAdd=["users"])
            return
        if leaf.general == "numNodeGroups" and not name.endswith("sharded"):
            raise NoCall
        if leaf.general == "numNodeGroups":
            _public(
                client.modify_replication_group_shard_configuration, **group, NodeGroupCount=value
            )
            return
        if leaf.steps[0] == "logDelivery":
            _public(
                client.modify_replication_group, **group,
                LogDeliveryConfigurations=[self.delivery(name, leaf, value)],
            )  # fmt: skip
            return
        member = self.named.get(leaf.general, pascal(leaf.general))
        if member not in of_modify.input_shape.members:
            raise NoCall
        _public(client.modify_replication_group, **group, **{member: value})

    def delivery(self, name: str, leaf: Leaf, value: Any) -> Doc:
        kind = str(leaf.steps[1])
        if value is GONE:
            return {"LogType": kind, "Enabled": False}
        spec = {
            "destinationType": "cloudwatch-logs", "destination": "slow", "logFormat": "json",
        }  # fmt: skip
        spec |= value if len(leaf.steps) == 2 else {str(leaf.steps[2]): value}
        details = (
            {"CloudWatchLogsDetails": {"LogGroup": spec["destination"]}}
            if spec["destinationType"] == "cloudwatch-logs"
            else {"KinesisFirehoseDetails": {"DeliveryStream": spec["destination"]}}
        )
        return {
            "LogType": kind, "DestinationType": spec["destinationType"],
            "DestinationDetails": details, "LogFormat": spec["logFormat"],
        }  # fmt: skip

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        stored = self.store()["groups"][name]
        if leaf.general == "dataTieringEnabled":
            value = "enabled" if value else "disabled"
        if leaf.general == "cacheSubnetGroupName":
            self.client().create_cache_subnet_group(
                CacheSubnetGroupName=value, CacheSubnetGroupDescription="another",
                SubnetIds=[self.bench.extra["subnet"]],
            )  # fmt: skip
            for member in self.store()["clusters"].values():
                if member["ReplicationGroupId"] == name:
                    member["CacheSubnetGroupName"] = value
        if leaf.general == "numNodeGroups":
            if value > len(stored["_shards"]):
                stored["_shards"].append({**copy.deepcopy(stored["_shards"][0]), "id": "0002"})
            else:
                stored["_shards"].pop()
            return
        if leaf.general in ("automaticFailoverEnabled", "multiAZ"):
            value = "enabled" if value else "disabled"
        if leaf.general == "allowUnauthenticated":
            value = not value
        if leaf.general == "transitEncryptionEnabled":
            stored.pop("TransitEncryptionMode", None)
        stored[self.stored[leaf.general]] = value

    def settle(self, name: str) -> None:
        for _ in range(60):
            self.bench.later(120)
            shown = self.shown(name)
            if shown["Status"] == "available" and not shown["PendingModifiedValues"]:
                return


class Clusters(Hand):
    service = "ecs"

    def arn(self, name: str) -> str:
        return self.an_arn(f"cluster/{name}")

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().untag_resource(resourceArn=arn, tagKeys=[key])
        else:
            self.client().tag_resource(resourceArn=arn, tags=[{"key": key, "value": value}])

    def shown(self, name: str) -> Doc:
        found = self.client().describe_clusters(
            clusters=[name], include=["SETTINGS", "CONFIGURATIONS"]
        )
        return dict(found["clusters"][0])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        client, raw, top = self.client(), self.shown(name), str(leaf.steps[0])
        if top in ("capacityProviders", "defaultCapacityProviderStrategy"):
            if top == "capacityProviders":
                raw[top] = value
            elif len(leaf.steps) == 2:
                change(raw, [top, ("capacityProvider", leaf.steps[1])], value)
            else:
                change(raw, [top, ("capacityProvider", leaf.steps[1]), leaf.steps[2]], value)
            both = ("capacityProviders", "defaultCapacityProviderStrategy")
            _public(
                client.put_cluster_capacity_providers, cluster=name, **{m: raw[m] for m in both}
            )
            return
        if top == "settings":
            raw["settings"] = [{"name": leaf.steps[1], "value": value}]
        elif leaf.deed == "other":
            change(raw, list(leaf.steps), value)
        _public(client.update_cluster, cluster=name, **{top: raw[top]})

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        stored = self.store()["clusters"][name]
        if leaf.steps[0] == "defaultCapacityProviderStrategy":
            entry = ("capacityProvider", leaf.steps[1])
            change(stored, ["defaultCapacityProviderStrategy", entry], {"base": 0, **value})
        else:
            change(stored, list(leaf.steps), value)


class Services(Clusters):
    wait_s = 1800.0
    lists: ClassVar[dict[str, Any]] = {
        "environment": ("name", "value"), "secrets": ("name", "valueFrom"),
        "dependsOn": ("containerName", "condition"), "systemControls": ("namespace", "value"),
        "secretOptions": ("name", "valueFrom"), "ulimits": ("name", ""),
        "volumesFrom": ("sourceContainer", ""),
    }  # fmt: skip
    task = (
        "containers", "cpu", "memory", "executionRoleArn", "taskRoleArn", "networkMode",
        "requiresCompatibilities", "runtimePlatform", "ephemeralStorage", "volumes", "pidMode",
        "enableFaultInjection",
    )  # fmt: skip

    @property
    def cluster(self) -> str:
        return f"{self.bench.name}-main"

    def arn(self, name: str) -> str:
        return self.an_arn(f"service/{self.cluster}/{name}")

    def shown(self, name: str) -> Doc:
        found = self.client().describe_services(cluster=self.cluster, services=[name])
        return dict(found["services"][0])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        top = str(leaf.steps[0])
        if top in self.task:
            self.revise(name, leaf, value)
        elif top == "autoscaling":
            self.scale(name, leaf, value)
        else:
            self.update(name, leaf, value)

    # --- the task definition ---

    def revise(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.client()
        arn = self.shown(name)["taskDefinition"]
        found = client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        known = client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
        raw = copy.deepcopy({k: v for k, v in found.items() if k in known.members})
        self.rewrite(raw, leaf, value)
        made = _public(client.register_task_definition, **raw)["taskDefinition"]
        _public(
            client.update_service, cluster=self.cluster, service=name,
            taskDefinition=made["taskDefinitionArn"],
        )  # fmt: skip

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        top = str(leaf.steps[0])
        service = self.store()["services"][f"{self.cluster}/{name}"]
        if top in self.task:
            family, _, revision = service["taskDefinition"].rpartition("/")[2].partition(":")
            self.rewrite(self.store()["families"][family][revision], leaf, value)
            self.bench.door.cache.clear()
        elif top == "deployment":
            self.redeploy(service["deploymentConfiguration"], leaf, value)
        elif top == "deploymentController":
            service[top] = {"type": value}
        elif top == "cluster":
            service["clusterArn"] = self.arn("").replace(f"service/{self.cluster}/", value)
        elif top == "capacityProviderStrategy":
            change(service, [top, ("capacityProvider", leaf.steps[1])], {"base": 0, **value})
        elif top in ("loadBalancers", "serviceRegistries"):
            service[top][0][leaf.steps[2]] = value
        elif top == "autoscaling":
            held = context(self.bench.world, "application-autoscaling").store["policies"]
            policy = held[f"service/{self.cluster}/{name} {name}-{leaf.steps[2]}"]
            words.repolicy(policy, leaf, value)
        else:
            service[top] = value

    def rewrite(self, raw: Doc, leaf: Leaf, value: Any) -> None:
        """Change a task definition in AWS's words."""
        steps = list(leaf.steps)
        if steps[0] in ("cpu", "memory"):
            raw[steps[0]] = str(value)
            return
        if steps[0] == "containers":
            way: Way = ["containerDefinitions", ("name", steps[1])]
            if len(steps) == 2:
                change(raw, way, value if value is GONE else {"image": "busybox:1", **value})
                return
            self.of_container(raw, way, leaf, steps[2:], value)
            return
        if steps[0] == "volumes":
            way = ["volumes", ("name", steps[1])]
            if len(steps) == 2:
                change(raw, way, value)
                return
            if steps[-1] in ("iam", "transitEncryption"):
                value = "ENABLED" if value else "DISABLED"
            change(raw, [*way, *steps[2:]], value)
            return
        change(raw, steps, value)

    def of_container(self, raw: Doc, way: Way, leaf: Leaf, steps: list[Any], value: Any) -> None:
        field = steps[0]
        if field == "environmentFiles":
            value = [{"type": "s3", "value": v} for v in value]
        elif field == "versionConsistency":
            value = "enabled" if value else "disabled"
        elif field in self.lists or steps[-2:-1] == ["secretOptions"]:
            member = field if field in self.lists else "secretOptions"
            inside = [] if field in self.lists else ["logConfiguration"]
            key, held = self.lists[member]
            entry = (key, steps[1] if field in self.lists else steps[2])
            rest = steps[2:] if field in self.lists else []
            if rest:
                change(raw, [*way, member, entry, *rest], value)
            elif value is GONE:
                change(raw, [*way, *inside, member, entry], GONE)
            else:
                change(raw, [*way, *inside, member, entry], {held: value} if held else value)
            return
        elif field in ("portMappings", "mountPoints"):
            spec = leaf.value if len(steps) == 2 else None
            container = next(c for c in raw["containerDefinitions"] if c["name"] == way[1][1])
            index = self.row(container, field, leaf, steps)
            if len(steps) == 2:
                del container[field][index]
                return
            assert spec is None
            container[field][index][steps[2]] = value
            if steps[2] == "containerPort":
                container[field][index].pop("hostPort", None)
            return
        change(raw, [*way, *steps], value)

    def row(self, container: Doc, field: str, leaf: Leaf, steps: list[Any]) -> int:
        """Where in AWS's list the declared row is."""
        seen = self.bench.current
        declared = seen["containers"][container["name"]][field][steps[1]]
        member = "containerPort" if field == "portMappings" else "containerPath"
        return next(i for i, row in enumerate(container[field]) if row[member] == declared[member])

    # --- the service ---

    def update(self, name: str, leaf: Leaf, value: Any) -> None:
        client, raw, top = self.client(), self.shown(name), str(leaf.steps[0])
        params: Doc = {}
        if top == "deployment":
            config = raw["deploymentConfiguration"]
            self.redeploy(config, leaf, value)
            params["deploymentConfiguration"] = config
        elif top == "networkConfiguration":
            if leaf.steps[1] == "assignPublicIp":
                value = "ENABLED" if value else "DISABLED"
            change(raw, [top, "awsvpcConfiguration", leaf.steps[1]], value)
            params[top] = raw[top]
        elif top in ("loadBalancers", "serviceRegistries"):
            if value is GONE:
                params[top] = []
            else:
                raw[top][0][leaf.steps[2]] = value
                params[top] = raw[top]
        elif top == "serviceConnectConfiguration":
            config = copy.deepcopy(raw["deployments"][0][top])
            words.reconnect(config, leaf, value)
            params[top] = config
        elif top == "capacityProviderStrategy":
            change(raw, [top, ("capacityProvider", leaf.steps[1]), *leaf.steps[2:]], value)
            params = {top: raw[top], "forceNewDeployment": True}
        elif top == "availabilityZoneRebalancing":
            params[top] = "ENABLED" if value else "DISABLED"
        elif top in ("cluster", "launchType", "schedulingStrategy"):
            raise NoCall
        elif top == "deploymentController":
            params[top] = {"type": value}
        else:
            params[top] = value
        _public(client.update_service, cluster=self.cluster, service=name, **params)

    @staticmethod
    def redeploy(config: Doc, leaf: Leaf, value: Any) -> None:
        if leaf.steps[1] == "circuitBreaker":
            change(config, ["deploymentCircuitBreaker", *leaf.steps[2:]], value)
        else:
            change(config, list(leaf.steps[1:]), value)

    # --- autoscaling ---

    def scale(self, name: str, leaf: Leaf, value: Any) -> None:
        client = self.aws.client("application-autoscaling")
        where = {
            "ServiceNamespace": "ecs", "ResourceId": f"service/{self.cluster}/{name}",
            "ScalableDimension": "ecs:service:DesiredCount",
        }  # fmt: skip
        steps = leaf.steps[1:]
        if steps[0] == "scheduledActions":
            self.schedule(name, leaf, value, where)
            return
        if steps[0] != "policies":
            params = {pascal(str(steps[0])): value}
            if steps[0] == "suspendedState":
                params = {"SuspendedState": {pascal(str(steps[1])): value}}
            _public(client.register_scalable_target, **where, **params)
            return
        policy = f"{name}-{steps[1]}"
        if value is GONE and len(steps) == 2:
            _public(client.delete_scaling_policy, **where, PolicyName=policy)
            return
        found = client.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=[policy])
        held: Doc = {"PolicyType": "TargetTrackingScaling",
                     "TargetTrackingScalingPolicyConfiguration": words.TRACKING}  # fmt: skip
        if found["ScalingPolicies"]:
            held = copy.deepcopy(found["ScalingPolicies"][0])
            words.repolicy(held, leaf, value)
        params = {k: v for k, v in held.items() if k.startswith(held["PolicyType"])}
        _public(
            client.put_scaling_policy, **where, PolicyName=policy, PolicyType=held["PolicyType"],
            **params,
        )  # fmt: skip

    def schedule(self, name: str, leaf: Leaf, value: Any, where: Doc) -> None:
        client = self.aws.client("application-autoscaling")
        action = str(leaf.steps[2])
        if value is GONE and len(leaf.steps) == 3:
            _public(client.delete_scheduled_action, **where, ScheduledActionName=action)
            return
        found = client.describe_scheduled_actions(
            ServiceNamespace="ecs", ScheduledActionNames=[action]
        )["ScheduledActions"]
        held: Doc = {"Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}}
        if found:
            held = copy.deepcopy(found[0])
            words.reschedule(held, leaf, value)
        members = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
        _public(
            client.put_scheduled_action, **where, ScheduledActionName=action,
            **{m: held[m] for m in members if m in held},
        )  # fmt: skip


class Tasks(Clusters):
    """Of a task that is done once, AWS lets nobody change anything but tags."""

    def arn(self, name: str) -> str:
        found = self.client().describe_task_definition(taskDefinition=name)["taskDefinition"]
        return str(found["taskDefinitionArn"])


class WebAcls(Hand):
    service = "wafv2"
    settings: ClassVar[dict[str, Any]] = {
        "captchaImmunityTime": ["CaptchaConfig", "ImmunityTimeProperty", "ImmunityTime"],
        "challengeImmunityTime": ["ChallengeConfig", "ImmunityTimeProperty", "ImmunityTime"],
        "cloudWatchMetricsEnabled": ["VisibilityConfig", "CloudWatchMetricsEnabled"],
        "sampledRequestsEnabled": ["VisibilityConfig", "SampledRequestsEnabled"],
        "metricName": ["VisibilityConfig", "MetricName"],
        "albLowReputationMode": ["OnSourceDDoSProtectionConfig", "ALBLowReputationMode"],
        "tokenDomains": ["TokenDomains"],
        "description": ["Description"],
        "dataProtection": ["DataProtectionConfig", "DataProtections"],
        "monetization": ["MonetizationConfig"],
        "labels": ["RuleLabels"],
        "priority": ["Priority"],
    }

    def shown(self, name: str) -> Doc:
        listed = self.client().list_web_acls(Scope="REGIONAL")["WebACLs"]
        (found,) = (a for a in listed if a["Name"] == name)
        return dict(self.client().get_web_acl(Name=name, Id=found["Id"], Scope="REGIONAL"))

    def arn(self, name: str) -> str:
        return str(self.shown(name)["WebACL"]["ARN"])

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().untag_resource(ResourceARN=arn, TagKeys=[key])
        else:
            self.client().tag_resource(ResourceARN=arn, Tags=[{"Key": key, "Value": value}])

    def put(self, held: Doc, raw: Doc) -> None:
        """UpdateWebACL with all that it replaces."""
        members = self.client().meta.service_model.operation_model("UpdateWebACL").input_shape
        params = {k: v for k, v in raw.items() if k in members.members and v not in ("", None)}
        _public(
            self.client().update_web_acl, **{**params, "Scope": "REGIONAL",
                                             "LockToken": held["LockToken"]},
        )  # fmt: skip

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        top = str(leaf.steps[0])
        held = self.shown(name)
        raw = held["WebACL"]
        if top == "associations":
            self.associate(raw["ARN"], value)
        elif top == "logging":
            found = self.client().get_logging_configuration(ResourceArn=raw["ARN"])
            config = found["LoggingConfiguration"]
            if leaf.steps[1] == "destination":
                other = value.rpartition(":")[2]
                self.aws.client("logs").create_log_group(logGroupName=other)
                self.bench.later()
                value = [value]
            change(config, self.in_logging(leaf), value)
            _public(self.client().put_logging_configuration, LoggingConfiguration=config)
        elif top == "scope":
            raise NoCall
        elif value is ANY:
            self.put_any(held, leaf)
        else:
            change(raw, self.way(leaf), value)
            self.put(held, raw)

    def put_any(self, held: Doc, leaf: Leaf) -> None:
        """The first other word or number in that part that AWS takes."""
        shape = self.client().meta.service_model.operation_model("UpdateWebACL").input_shape
        why = Refused("nothing to change in it")
        for way, value in variants(held["WebACL"], self.way(leaf), shape):
            raw = copy.deepcopy(held["WebACL"])
            change(raw, way, value)
            try:
                self.put(held, raw)
            except Refused as refused:
                why = refused
            else:
                return
        raise why

    def associate(self, acl: str, wanted: list[str]) -> None:
        client = self.client()
        now = client.list_resources_for_web_acl(WebACLArn=acl)["ResourceArns"]
        for arn in set(now) - set(wanted):
            client.disassociate_web_acl(ResourceArn=arn)
        for arn in set(wanted) - set(now):
            self.bench.later(600)  # a resource just made is not known to WAF yet (case 150)
            for _ in range(20):
                try:
                    client.associate_web_acl(WebACLArn=acl, ResourceArn=arn)
                    break
                except client.exceptions.WAFUnavailableEntityException:
                    self.bench.later(60)

    @staticmethod
    def in_logging(leaf: Leaf) -> Way:
        return {
            "destination": ["LogDestinationConfigs"], "redactedFields": ["RedactedFields"],
            "filter": ["LoggingFilter"],
        }[str(leaf.steps[1])]  # fmt: skip

    def way(self, leaf: Leaf) -> Way:
        steps = list(leaf.steps)
        if steps[0] == "rules":
            rule: Way = ["Rules", ("Name", steps[1])]
            return rule if len(steps) == 2 else [*rule, *self.in_rule(leaf, steps[2:])]
        if steps[0] == "customResponseBodies":
            return ["CustomResponseBodies", steps[1], *(pascal(s) for s in steps[2:])]
        if steps[0] == "requestBody":
            body: Way = ["AssociationConfig", "RequestBody", steps[1]]
            return body if leaf.deed == "gone" else [*body, "DefaultSizeInspectionLimit"]
        if steps[0] == "applicationAttributes":
            entry = ["ApplicationConfig", "Attributes", ("Name", steps[1])]
            return entry if leaf.deed == "gone" and len(steps) == 2 else [*entry, "Values"]
        return self.settings.get(steps[0], [pascal(str(steps[0]))])

    def in_rule(self, leaf: Leaf, steps: list[Any]) -> Way:
        field = steps[0]
        if field == "action":
            return ["Action"]
        if field in ("cloudWatchMetricsEnabled", "sampledRequestsEnabled", "metricName"):
            return self.settings[field]
        if field == "override":
            return ["OverrideAction"]
        if field == "managedGroup":
            group: Way = ["Statement", "ManagedRuleGroupStatement"]
            inside = {"vendor": "VendorName", "scopeDown": "ScopeDownStatement",
                      "config": "ManagedRuleGroupConfigs", "count": "RuleActionOverrides",
                      "overrides": "RuleActionOverrides"}  # fmt: skip
            return [*group, inside.get(steps[1], pascal(steps[1]))]
        if field == "rateLimit":
            inside = {"window": "EvaluationWindowSec", "by": "AggregateKeyType",
                      "keys": "CustomKeys", "forwardedIp": "ForwardedIPConfig",
                      "scopeDown": "ScopeDownStatement"}  # fmt: skip
            return ["Statement", "RateBasedStatement", inside.get(steps[1], pascal(steps[1]))]
        return self.settings.get(field, ["Statement"])

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        for record in self.store()["acls"].values():
            if record["entity"]["Name"] == name:
                change(record["entity"], self.way(leaf), value)
                return


class IpSets(Hand):
    service = "wafv2"

    def summary(self, name: str) -> Doc:
        sets = self.client().list_ip_sets(Scope="REGIONAL")["IPSets"]
        return next(dict(s) for s in sets if s["Name"] == name)

    def arn(self, name: str) -> str:
        return str(self.summary(name)["ARN"])

    def tag(self, arn: str, key: str, value: Any) -> None:
        if value is GONE:
            self.client().untag_resource(ResourceARN=arn, TagKeys=[key])
        else:
            self.client().tag_resource(ResourceARN=arn, Tags=[{"Key": key, "Value": value}])

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        member = {"addresses": "Addresses", "description": "Description"}.get(leaf.general)
        if member is None:
            raise NoCall
        asked = {"Name": name, "Scope": "REGIONAL", "Id": self.summary(name)["Id"]}
        shown = self.client().get_ip_set(**asked)
        whole = {k: shown["IPSet"][k] for k in ("Addresses", "Description")}
        token = shown["LockToken"]
        _public(self.client().update_ip_set, **asked, LockToken=token, **{**whole, member: value})

    def edit_store(self, name: str, leaf: Leaf, value: Any) -> None:
        for record in self.store()["ip_sets"].values():
            if record["entity"]["Name"] == name:
                record["entity"]["IPAddressVersion"] = value
                record["lock"] = "1111aaaa-22bb-33cc-44dd-555555eeeeee"


class Stacks(Hand):
    service = "cloudformation"

    def field(self, name: str, leaf: Leaf, value: Any) -> None:
        self.client().update_termination_protection(
            StackName=name, EnableTerminationProtection=value
        )


HANDS: dict[str, type[Hand]] = {
    "Alarm": Alarms,
    "CacheParameterGroup": CacheParameterGroups,
    "CacheSubnetGroup": CacheSubnetGroups,
    "Cluster": Clusters,
    "CompositeAlarm": CompositeAlarms,
    "Dashboard": Dashboards,
    "DBInstance": DbInstances,
    "DBParameterGroup": DbParameterGroups,
    "DBSubnetGroup": DbSubnetGroups,
    "IPSet": IpSets,
    "LogGroup": LogGroups,
    "MetricFilter": MetricFilters,
    "Parameter": Parameters,
    "Topic": Topics,
    "ReplicationGroup": ReplicationGroups,
    "Secret": Secrets,
    "SecurityGroup": SecurityGroups,
    "Service": Services,
    "Stack": Stacks,
    "Task": Tasks,
    "WebACL": WebAcls,
}
