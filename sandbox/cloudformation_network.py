"""CloudFormation's types of what Plumbline only refers to: network, load balancers, roles.

moto keeps these; it takes no tags of AWS's own, so they carry only the stack's and their own.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_EC2.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ElasticLoadBalancingV2.html
"""

from __future__ import annotations

import json
from typing import ClassVar

from sandbox.cloudformation_calls import Doc, Job, fit, paths
from sandbox.cloudformation_providers import Provider, provides
from sandbox.errors import NotSimulated


class Network(Provider):
    """A thing of EC2's, known by an id."""

    noun: ClassVar[str]
    word: ClassVar[str]
    gives: ClassVar[tuple[str, ...]] = ()

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        said = {k: v for k, v in properties.items() if k != "Tags"}
        params = fit("ec2", f"Create{self.noun}", said)
        if tags := job.tagged(properties):
            params["TagSpecifications"] = [{"ResourceType": self.word, "Tags": tags}]
        made = job.call("ec2", f"Create{self.noun}", **params)[self.noun]
        key = f"{self.noun}Id"
        job.hold(made[key], paths(made, key, *self.gives))

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("ec2", f"Delete{self.noun}", **{f"{self.noun}Id": job.physical})


@provides("AWS::EC2::VPC")
class Vpc(Network):
    """A VPC."""

    noun, word, gives = "Vpc", "vpc", ("CidrBlock",)

    def create(self, job: Job, properties: Doc) -> None:
        """One call, and one for each DNS setting."""
        left = ("EnableDnsSupport", "EnableDnsHostnames")
        super().create(job, {k: v for k, v in properties.items() if k not in left})
        groups = job.call(
            "ec2", "DescribeSecurityGroups",
            Filters=[{"Name": "vpc-id", "Values": [job.physical]}],
        )["SecurityGroups"]  # fmt: skip
        [default] = [group["GroupId"] for group in groups if group["GroupName"] == "default"]
        job.hold(job.physical, {"DefaultSecurityGroup": default})
        for name in left:
            if name in properties:
                setting = {name: {"Value": properties[name]}}
                job.call("ec2", "ModifyVpcAttribute", VpcId=job.physical, **setting)


@provides("AWS::EC2::Subnet")
class Subnet(Network):
    """A subnet."""

    noun, word, gives = "Subnet", "subnet", ("AvailabilityZone", "VpcId", "CidrBlock")

    def create(self, job: Job, properties: Doc) -> None:
        """One call, and one if instances get public addresses."""
        said = dict(properties)
        public = said.pop("MapPublicIpOnLaunch", False)
        super().create(job, said)
        if public:
            setting = {"MapPublicIpOnLaunch": {"Value": True}}
            job.call("ec2", "ModifySubnetAttribute", SubnetId=job.physical, **setting)


@provides("AWS::EC2::SecurityGroup")
class SecurityGroup(Provider):
    """A security group."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call, and one for its rules in each direction.

        Outbound rules that are said replace those that EC2 gives each group: https://docs.aws.amazon.com/
        AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
        """
        left = ("Tags", "SecurityGroupIngress", "SecurityGroupEgress")
        said = {k: v for k, v in properties.items() if k not in left}
        said["GroupName"] = said.get("GroupName") or job.name(255)
        params = fit("ec2", "CreateSecurityGroup", said, rename={"GroupDescription": "Description"})
        if tags := job.tagged(properties):
            params["TagSpecifications"] = [{"ResourceType": "security-group", "Tags": tags}]
        made = job.call("ec2", "CreateSecurityGroup", **params)
        job.hold(made["GroupId"], paths(made, "GroupId"))
        if properties.get("SecurityGroupEgress"):
            [vpc] = job.call("ec2", "DescribeVpcs", VpcIds=[params["VpcId"]])["Vpcs"]
            born = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
            if vpc.get("Ipv6CidrBlockAssociationSet"):
                born.append({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]})
            job.call("ec2", "RevokeSecurityGroupEgress", GroupId=job.physical, IpPermissions=born)
        for direction in ("Ingress", "Egress"):
            if rules := properties.get(f"SecurityGroup{direction}"):
                job.call(
                    "ec2", f"AuthorizeSecurityGroup{direction}",
                    GroupId=job.physical, IpPermissions=[_rule(rule) for rule in rules],
                )  # fmt: skip

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("ec2", "DeleteSecurityGroup", GroupId=job.physical)


def _rule(rule: Doc) -> Doc:
    """A rule of a security group as the API has it."""
    made = {k: v for k, v in rule.items() if k in ("IpProtocol", "FromPort", "ToPort")}
    says = {"Description": rule["Description"]} if "Description" in rule else {}
    for name, several, single in (
        ("CidrIp", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("SourceSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("DestinationSecurityGroupId", "UserIdGroupPairs", "GroupId"),
    ):
        if name in rule:
            made[several] = [{single: rule[name], **says}]
    known = {"IpProtocol", "FromPort", "ToPort", "Description", "CidrIp", "CidrIpv6",
             "SourceSecurityGroupId", "DestinationSecurityGroupId"}  # fmt: skip
    if unknown := set(rule) - known:
        raise NotSimulated(f"CloudFormation: security group rules with {sorted(unknown)}")
    return made


class Balancing(Provider):
    """A thing of ELBv2's, known by its ARN."""

    noun: ClassVar[str]
    gives: ClassVar[tuple[str, ...]] = ()

    def create(self, job: Job, properties: Doc) -> None:
        """One call, and one for its attributes.

        Names are cut to 32 characters: five, five, thirteen (assumed).
        """
        said = dict(properties)
        attributes = said.pop(f"{self.noun}Attributes", None)
        if self.noun != "Listener" and "Name" not in said:
            head = f"{job.stack[:5].rstrip('-')}-{job.logical[:5]}"
            said["Name"] = f"{head}-{job.token(13)}"
        said["Tags"] = job.tagged(properties)
        params = fit("elbv2", f"Create{self.noun}", said)
        made = job.call("elbv2", f"Create{self.noun}", **params)[f"{self.noun}s"][0]
        arn = made[f"{self.noun}Arn"]
        full = arn.split(":", 5)[5].removeprefix("loadbalancer/")
        known = {f"{self.noun}Arn": arn, f"{self.noun}FullName": full}
        if "CanonicalHostedZoneId" in made:  # GetAtt spells it otherwise than the API
            known["CanonicalHostedZoneID"] = made["CanonicalHostedZoneId"]
        job.hold(arn, known | paths(made, *self.gives))
        if attributes:
            key = {f"{self.noun}Arn": arn}
            job.call("elbv2", f"Modify{self.noun}Attributes", Attributes=attributes, **key)

    def delete(self, job: Job) -> None:
        """One call."""
        job.call("elbv2", f"Delete{self.noun}", **{f"{self.noun}Arn": job.physical})


@provides("AWS::ElasticLoadBalancingV2::LoadBalancer")
class LoadBalancer(Balancing):
    """A load balancer."""

    noun = "LoadBalancer"
    gives = ("DNSName", "LoadBalancerName")


@provides("AWS::ElasticLoadBalancingV2::TargetGroup")
class TargetGroup(Balancing):
    """A target group."""

    noun, gives = "TargetGroup", ("TargetGroupName",)


@provides("AWS::ElasticLoadBalancingV2::Listener")
class Listener(Balancing):
    """A listener."""

    noun = "Listener"


@provides("AWS::IAM::Role")
class Role(Provider):
    """A role. AWS's own managed policies are not attached: moto has none of them."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call, and one for each inline policy."""
        left = ("ManagedPolicyArns", "Policies")
        said = {k: v for k, v in properties.items() if k not in left}
        said["RoleName"] = said.get("RoleName") or job.name(64)
        trust = said["AssumeRolePolicyDocument"]
        if not isinstance(trust, str):
            said["AssumeRolePolicyDocument"] = json.dumps(trust)
        said["Tags"] = job.tagged(properties)
        made = job.call("iam", "CreateRole", **fit("iam", "CreateRole", said))["Role"]
        job.hold(made["RoleName"], paths(made, "Arn", "RoleId"))
        others = [
            arn for arn in properties.get("ManagedPolicyArns") or ()
            if not arn.startswith("arn:aws:iam::aws:policy/")
        ]  # fmt: skip
        if others:
            raise NotSimulated(f"CloudFormation: roles with customer managed policies {others}")
        for policy in properties.get("Policies") or ():
            job.call(
                "iam", "PutRolePolicy", RoleName=job.physical, PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"]),
            )  # fmt: skip
        job.made["policies"] = [p["PolicyName"] for p in properties.get("Policies") or ()]

    def delete(self, job: Job) -> None:
        """One call for each inline policy, then one."""
        for name in job.made.get("policies", ()):
            job.call("iam", "DeleteRolePolicy", RoleName=job.physical, PolicyName=name)
        job.call("iam", "DeleteRole", RoleName=job.physical)
