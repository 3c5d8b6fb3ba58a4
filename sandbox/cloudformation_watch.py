"""CloudFormation's CloudWatch, CloudWatch Logs, Secrets Manager and SNS types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CloudWatch.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Logs.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SecretsManager.html
"""

from __future__ import annotations

import json

from sandbox.cloudformation_calls import Doc, Job, fit, paths
from sandbox.cloudformation_providers import Named, Provider, provides


@provides("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
class Alarm(Provider):
    """A metric alarm, or one of several alarms. Dimensions and tags go along in the one call."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call; it says nothing in reply."""
        operation = "PutCompositeAlarm" if "AlarmRule" in properties else "PutMetricAlarm"
        name = properties.get("AlarmName") or job.name(255)
        said = {**properties, "AlarmName": name}
        if tags := job.tagged(properties):
            said["Tags"] = tags
        job.call("cloudwatch", operation, **fit("cloudwatch", operation, said))
        region, account = job.call.region, job.call.account
        arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
        job.hold(name, {"Arn": arn}, arn)

    def delete(self, job: Job) -> None:
        """One call, which does not mind that it is gone."""
        job.call("cloudwatch", "DeleteAlarms", AlarmNames=[job.physical])


@provides("AWS::Logs::LogGroup")
class LogGroup(Provider):
    """A log group, then its retention. GetAtt gives the ARN that ends in `:*`."""

    def create(self, job: Job, properties: Doc) -> None:
        """One or two calls."""
        said = dict(properties)
        name = said.pop("LogGroupName", None) or job.name(512)
        days = said.pop("RetentionInDays", None)
        said["LogGroupName"] = name
        if tags := job.tagged(properties):
            said["Tags"] = tags
        job.call("logs", "CreateLogGroup", **fit("logs", "CreateLogGroup", said))
        arn = f"arn:aws:logs:{job.call.region}:{job.call.account}:log-group:{name}"
        job.hold(name, {"Arn": f"{arn}:*"}, arn)
        if days is not None:
            job.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=int(days))

    def delete(self, job: Job) -> None:
        """One call."""
        job.call.quietly(
            "logs", "DeleteLogGroup", "ResourceNotFoundException", logGroupName=job.physical
        )


@provides("AWS::SecretsManager::Secret")
class Secret(Provider):
    """A secret, its value written in the template or made by Secrets Manager; Ref gives its ARN."""

    def create(self, job: Job, properties: Doc) -> None:
        """A name is the logical name and twelve characters, as users see (assumed)."""
        said = dict(properties)
        rule = said.pop("GenerateSecretString", None)
        said["Name"] = said.get("Name") or f"{job.logical}-{job.token(12)}"
        if rule is not None:
            said["SecretString"] = self._generated(job, rule)
        if tags := job.tagged(properties):
            said["Tags"] = tags
        made = job.call(
            "secretsmanager", "CreateSecret", **fit("secretsmanager", "CreateSecret", said)
        )
        job.hold(made["ARN"], {"Id": made["ARN"]}, made["ARN"])

    def _generated(self, job: Job, rule: Doc) -> str:
        """The password, alone or under its key in the template given for it."""
        left = ("SecretStringTemplate", "GenerateStringKey")
        params = fit("secretsmanager", "GetRandomPassword", rule, skip=left)
        password = job.call("secretsmanager", "GetRandomPassword", **params)["RandomPassword"]
        if "SecretStringTemplate" not in rule:
            return str(password)
        return json.dumps(json.loads(rule["SecretStringTemplate"]) | {rule[left[1]]: password})

    def delete(self, job: Job) -> None:
        """At once and for ever: CloudFormation gives no recovery window."""
        job.call(
            "secretsmanager", "DeleteSecret",
            SecretId=job.physical, ForceDeleteWithoutRecovery=True,
        )  # fmt: skip


@provides("AWS::SecretsManager::SecretTargetAttachment")
class SecretTargetAttachment(Provider):
    """Writes a database's address into the secret that holds its password; Ref: the secret."""

    def create(self, job: Job, properties: Doc) -> None:
        """The members that the rotation functions expect, over those that are there."""
        arn = properties["SecretId"]
        held = job.call("secretsmanager", "GetSecretValue", SecretId=arn)["SecretString"]
        found = job.call(
            "rds", "DescribeDBInstances", DBInstanceIdentifier=properties["TargetId"]
        )["DBInstances"][0]  # fmt: skip
        known = {
            "engine": found["Engine"],
            "host": found["Endpoint"]["Address"],
            "port": found["Endpoint"]["Port"],
            "dbInstanceIdentifier": found["DBInstanceIdentifier"],
            **({"dbname": found["DBName"]} if "DBName" in found else {}),
        }
        value = json.dumps(json.loads(held) | known)
        job.call("secretsmanager", "UpdateSecret", SecretId=arn, SecretString=value)
        job.hold(arn, {"Id": arn})

    def delete(self, job: Job) -> None:
        """The secret keeps what was written (assumed)."""


@provides("AWS::SNS::Topic")
class Topic(Named):
    """A topic; Ref gives its ARN."""

    service, name = "sns", "TopicName"
    longest = 256
    makes, removes, missing = "CreateTopic", "DeleteTopic", "NotFound"
    rename = {"TopicName": "Name"}  # noqa: RUF012 - never changed

    def create(self, job: Job, properties: Doc) -> None:
        """One call; what else a topic may have is an attribute."""
        name = properties.get("TopicName") or job.name(256)
        said = {"Name": name, "Tags": job.tagged(properties)}
        attributes = ("DisplayName", "KmsMasterKeyId")
        if own := {key: properties[key] for key in attributes if key in properties}:
            said["Attributes"] = own
        rest = {k: v for k, v in properties.items() if k not in ("TopicName", "Tags", *attributes)}
        made = job.call("sns", "CreateTopic", **fit("sns", "CreateTopic", said | rest))
        job.hold(made["TopicArn"], {**paths(made, "TopicArn"), "TopicName": name})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("sns", "DeleteTopic", TopicArn=job.physical)
