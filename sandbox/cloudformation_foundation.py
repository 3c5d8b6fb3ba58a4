"""CloudFormation's types of what an environment stands on: routes, keys, buckets, images, names.

moto keeps these, and little of what AWS would refuse; what counts is that a template's properties
are the schema's and fit the operations, and what Ref and GetAtt give.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_EC2.html, AWS_KMS.html,
AWS_S3.html, AWS_ECR.html, AWS_SSM.html, AWS_CertificateManager.html, AWS_Route53.html
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from sandbox.cloudformation_calls import Doc, Job, fit, paths
from sandbox.cloudformation_network import Balancing, Network
from sandbox.cloudformation_providers import Provider, provides
from sandbox.errors import NotSimulated


def _document(value: Any) -> str:
    """A policy as the APIs want it."""
    return value if isinstance(value, str) else json.dumps(value)


# --- ways ---


class Made(Provider):
    """One create call; Ref gives an id in its reply. Tags are left to the stack's record."""

    service: ClassVar[str] = "ec2"
    makes: ClassVar[str]
    noun: ClassVar[str] = ""
    key: ClassVar[str]
    gives: ClassVar[tuple[str, ...]] = ()
    skip: ClassVar[tuple[str, ...]] = ("Tags",)

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        params = fit(self.service, self.makes, properties, skip=self.skip)
        reply = job.call(self.service, self.makes, **params)
        made = reply.get(self.noun, reply)
        job.hold(str(made[self.key]), paths(made, self.key, *self.gives))

    def delete(self, job: Job) -> None:
        """Never asked for so far."""
        raise NotSimulated(f"CloudFormation: deleting what {self.service}:{self.makes} made")


class Joined(Provider):
    """One call that joins two things; Ref gives a name of CloudFormation's own making."""

    service: ClassVar[str] = "ec2"
    makes: ClassVar[str]

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        job.call(self.service, self.makes, **fit(self.service, self.makes, properties))
        job.hold(job.name(64), {})

    def delete(self, job: Job) -> None:
        """Never asked for so far."""
        raise NotSimulated(f"CloudFormation: undoing {self.service}:{self.makes}")


@provides("AWS::EC2::InternetGateway")
class InternetGateway(Network):
    """An internet gateway."""

    noun, word = "InternetGateway", "internet-gateway"


@provides("AWS::EC2::RouteTable")
class RouteTable(Network):
    """A route table."""

    noun, word = "RouteTable", "route-table"


@provides("AWS::EC2::VPCGatewayAttachment")
class Attachment(Joined):
    """An internet gateway at a VPC."""

    makes = "AttachInternetGateway"


@provides("AWS::EC2::Route")
class Route(Joined):
    """A route."""

    makes = "CreateRoute"


@provides("AWS::EC2::SubnetRouteTableAssociation")
class RouteTableAssociation(Made):
    """A subnet's route table."""

    makes, key = "AssociateRouteTable", "AssociationId"


@provides("AWS::EC2::EIP")
class Address(Made):
    """An Elastic IP address: Ref gives the address."""

    makes, key, gives = "AllocateAddress", "PublicIp", ("AllocationId",)


@provides("AWS::EC2::NatGateway")
class NatGateway(Made):
    """A NAT gateway."""

    makes, noun, key = "CreateNatGateway", "NatGateway", "NatGatewayId"


@provides("AWS::EC2::VPCEndpoint")
class Endpoint(Made):
    """A VPC endpoint."""

    makes, noun, key = "CreateVpcEndpoint", "VpcEndpoint", "VpcEndpointId"

    def create(self, job: Job, properties: Doc) -> None:
        """One call, with the policy as text."""
        policy = {"PolicyDocument": _document(properties["PolicyDocument"])}
        super().create(job, {**properties, **policy})


@provides("AWS::EC2::FlowLog")
class FlowLog(Provider):
    """Flow logs of one VPC, subnet or interface."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call; what it could not do stands in the reply."""
        said = {**properties, "ResourceIds": [properties["ResourceId"]]}
        params = fit("ec2", "CreateFlowLogs", said, skip=("Tags", "ResourceId"))
        made = job.call("ec2", "CreateFlowLogs", **params)
        if made.get("Unsuccessful"):
            raise NotSimulated(f"CloudFormation: flow log {made['Unsuccessful']}")
        job.hold(made["FlowLogIds"][0], {"Id": made["FlowLogIds"][0]})

    def delete(self, job: Job) -> None:
        """Never asked for so far."""
        raise NotSimulated("CloudFormation: deleting flow logs")


@provides("AWS::EC2::SecurityGroupEgress")
class Egress(Provider):
    """One rule of a security group, by itself."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        pair = {
            "GroupId": properties["DestinationSecurityGroupId"],
            "Description": properties["Description"],
        }
        rule = fit("ec2", "AuthorizeSecurityGroupEgress", {"IpPermissions": [
            {key: properties[key] for key in ("IpProtocol", "FromPort", "ToPort")}
            | {"UserIdGroupPairs": [pair]}
        ]})  # fmt: skip
        job.call("ec2", "AuthorizeSecurityGroupEgress", GroupId=properties["GroupId"], **rule)
        job.hold(job.name(64), {})

    def delete(self, job: Job) -> None:
        """Never asked for so far."""
        raise NotSimulated("CloudFormation: deleting a rule of a security group")


@provides("AWS::ElasticLoadBalancingV2::ListenerRule")
class ListenerRule(Balancing):
    """A rule of a listener."""

    noun = "Rule"

    def create(self, job: Job, properties: Doc) -> None:
        """One call. The template says PathPatternConfig where the API does, too."""
        params = fit("elbv2", "CreateRule", properties)
        made = job.call("elbv2", "CreateRule", **params)["Rules"][0]
        job.hold(made["RuleArn"], {"RuleArn": made["RuleArn"], "IsDefault": False})


# --- keys, roles ---


@provides("AWS::KMS::Key")
class Key(Provider):
    """A key, then its rotation. Ref gives its id."""

    def create(self, job: Job, properties: Doc) -> None:
        """One or two calls."""
        said = {k: v for k, v in properties.items() if k not in ("EnableKeyRotation", "Tags")}
        said = fit("kms", "CreateKey", said, rename={"KeyPolicy": "Policy"}, skip=("KeyPolicy",))
        tags = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in job.tagged(properties)]
        made = job.call(
            "kms", "CreateKey", Policy=_document(properties["KeyPolicy"]), Tags=tags, **said
        )["KeyMetadata"]
        job.hold(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})
        if properties.get("EnableKeyRotation"):
            job.call("kms", "EnableKeyRotation", KeyId=made["KeyId"])

    def delete(self, job: Job) -> None:
        """Thirty days from now."""
        job.call("kms", "ScheduleKeyDeletion", KeyId=job.physical, PendingWindowInDays=30)


@provides("AWS::KMS::Alias")
class Alias(Provider):
    """Another name for a key."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        job.call("kms", "CreateAlias", **fit("kms", "CreateAlias", properties))
        job.hold(properties["AliasName"], {})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("kms", "DeleteAlias", AliasName=job.physical)


@provides("AWS::IAM::ManagedPolicy")
class ManagedPolicy(Provider):
    """A managed policy: Ref gives its ARN."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        made = job.call(
            "iam", "CreatePolicy",
            PolicyName=properties.get("ManagedPolicyName") or job.name(128),
            Description=properties.get("Description", ""),
            PolicyDocument=_document(properties["PolicyDocument"]),
        )["Policy"]  # fmt: skip
        if {"Roles", "Users", "Groups"} & set(properties):
            raise NotSimulated("CloudFormation: managed policies that attach themselves")
        job.hold(made["Arn"], {"PolicyArn": made["Arn"]})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("iam", "DeletePolicy", PolicyArn=job.physical)


# --- buckets, images ---


@provides("AWS::S3::Bucket")
class Bucket(Provider):
    """A bucket and its settings."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call, and one for each setting."""
        name = properties.get("BucketName") or job.name(63, lower=True)
        region = job.call.region
        where = {} if region == "us-east-1" else {
            "CreateBucketConfiguration": {"LocationConstraint": region}}  # fmt: skip
        job.call("s3", "CreateBucket", Bucket=name, **where)
        job.hold(name, {"Arn": f"arn:aws:s3:::{name}"})
        encryption = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        rules = [
            {**rule, "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
            for rule in encryption
        ]
        settings: dict[str, Doc] = {
            "PutBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": [
                {k: v for k, v in rule.items() if k != "ServerSideEncryptionByDefault"}
                for rule in rules
            ]}},
            "PutPublicAccessBlock": {
                "PublicAccessBlockConfiguration": properties["PublicAccessBlockConfiguration"]
            },
            "PutBucketVersioning": {
                "VersioningConfiguration": properties["VersioningConfiguration"]
            },
            "PutBucketOwnershipControls": {"OwnershipControls": properties["OwnershipControls"]},
        }  # fmt: skip
        for operation, setting in settings.items():
            job.call("s3", operation, Bucket=name, **fit("s3", operation, setting))

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("s3", "DeleteBucket", Bucket=job.physical)


@provides("AWS::S3::BucketPolicy")
class BucketPolicy(Provider):
    """A bucket's policy."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        policy = _document(properties["PolicyDocument"])
        job.call("s3", "PutBucketPolicy", Bucket=properties["Bucket"], Policy=policy)
        job.hold(properties["Bucket"], {})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("s3", "DeleteBucketPolicy", Bucket=job.physical)


@provides("AWS::ECR::Repository")
class Repository(Provider):
    """A repository of images, then its lifecycle."""

    def create(self, job: Job, properties: Doc) -> None:
        """One or two calls."""
        said = {k: v for k, v in properties.items() if k not in ("LifecyclePolicy", "Tags")}
        made = job.call("ecr", "CreateRepository", **fit("ecr", "CreateRepository", said))
        found = made["repository"]
        job.hold(
            found["repositoryName"],
            {"Arn": found["repositoryArn"], "RepositoryUri": found["repositoryUri"]},
        )
        if "LifecyclePolicy" in properties:
            job.call(
                "ecr", "PutLifecyclePolicy", repositoryName=found["repositoryName"],
                lifecyclePolicyText=properties["LifecyclePolicy"]["LifecyclePolicyText"],
            )  # fmt: skip

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("ecr", "DeleteRepository", repositoryName=job.physical)


# --- what is said to others ---


@provides("AWS::SSM::Parameter")
class Parameter(Provider):
    """A parameter. One of that name that is there already is not taken over."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        said = {**properties, "Name": properties.get("Name") or job.name(1011)}
        job.call("ssm", "PutParameter", **fit("ssm", "PutParameter", said), Overwrite=False)
        job.hold(said["Name"], {"Type": said["Type"], "Value": said["Value"]})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("ssm", "DeleteParameter", Name=job.physical)


@provides("AWS::SNS::TopicPolicy")
class TopicPolicy(Provider):
    """A policy, set on each of some topics."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call for each topic."""
        for topic in properties["Topics"]:
            job.call(
                "sns", "SetTopicAttributes", TopicArn=topic, AttributeName="Policy",
                AttributeValue=_document(properties["PolicyDocument"]),
            )  # fmt: skip
        job.hold(job.name(64), {})

    def delete(self, job: Job) -> None:
        """It goes with its topic."""


@provides("AWS::SNS::Subscription")
class Subscription(Provider):
    """A subscription."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        params = fit("sns", "Subscribe", {**properties, "ReturnSubscriptionArn": True})
        job.hold(job.call("sns", "Subscribe", **params)["SubscriptionArn"], {})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("sns", "Unsubscribe", SubscriptionArn=job.physical)


@provides("AWS::CertificateManager::Certificate")
class Certificate(Provider):
    """A certificate, complete once it is issued; its validation record is taken for granted."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        said = fit("acm", "RequestCertificate", properties, skip=("DomainValidationOptions",))
        job.hold(job.call("acm", "RequestCertificate", **said)["CertificateArn"], {})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("acm", "DeleteCertificate", CertificateArn=job.physical)


@provides("AWS::Route53::RecordSet")
class RecordSet(Provider):
    """A record in a zone."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        self._change(job, "CREATE", properties)
        job.hold(properties["Name"], {})
        job.made["record"] = properties

    def delete(self, job: Job) -> None:
        """One call."""
        self._change(job, "DELETE", job.made["record"])

    def _change(self, job: Job, action: str, properties: Doc) -> None:
        record = {k: v for k, v in properties.items() if k != "HostedZoneId"}
        if "AliasTarget" in record:
            record["AliasTarget"] = {"EvaluateTargetHealth": False, **record["AliasTarget"]}
        job.call(
            "route53", "ChangeResourceRecordSets", HostedZoneId=properties["HostedZoneId"],
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )  # fmt: skip


# --- backups ---


@provides("AWS::Backup::BackupVault", "AWS::Backup::BackupPlan", "AWS::Backup::BackupSelection")
class Backup(Provider):
    """Known to the stack alone: the sandbox has no AWS Backup, and nothing is backed up."""

    def create(self, job: Job, properties: Doc) -> None:
        """No call; names and ids as Ref and GetAtt give them."""
        prefix = f"arn:aws:backup:{job.call.region}:{job.call.account}"
        if name := properties.get("BackupVaultName"):
            vault = f"{prefix}:backup-vault:{name}"
            job.hold(name, {"BackupVaultName": name, "BackupVaultArn": vault})
        else:
            made = job.token(12)
            job.hold(made, {"BackupPlanId": made, "BackupPlanArn": f"{prefix}:backup-plan:{made}"})

    def delete(self, job: Job) -> None:
        """Nothing is there."""
