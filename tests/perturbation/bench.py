"""A converged environment that can be put back as it was after each perturbation."""

from __future__ import annotations

import copy
import random
from datetime import timedelta
from typing import Any

from controller.assess import Assessment
from controller.reconciler import Report
from controller.store import Conflict, Stored
from sandbox.pytest_plugin import new_world
from tests.harness import Plant, environment
from tests.perturbation.full import ACCOUNT, FULL, IP_SET, KEY, P
from tests.perturbation.stacks import stand

Doc = dict[str, Any]


class MemoryStore:
    """Plumbline's own state in a dict: fast, and easily put back."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.count = 0

    def get(self, key: str) -> Stored | None:
        found = self.objects.get(key)
        return Stored(*found) if found else None

    def put(self, key: str, body: bytes, expected: str | None) -> str:
        held = self.objects.get(key)
        if (held[1] if held else None) != expected:
            raise Conflict(key)
        self.count += 1
        self.objects[key] = (body, str(self.count))
        return str(self.count)

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def list(self, prefix: str) -> list[str]:
        return sorted(k for k in self.objects if k.startswith(prefix))


class Bench(Plant):
    """An environment of rich manifests, converged; `back` puts AWS and our memory back."""

    def __init__(self, kind: str, *more: str) -> None:
        """more: manifests beside those of `FULL`."""
        seed = random.SystemRandom().randrange(2**32)
        super().__init__(
            new_world(seed, max_lag=timedelta(0)),
            f"# seeded: ${{ssm:}}\n{environment(*FULL[kind], *more)}",
        )
        self.kind = kind
        self.current: Doc = {}
        """The desired document that is being perturbed."""
        self.store: Any = MemoryStore()
        stand(self)
        keys = [self.aws.client("kms").create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
        addresses = self.aws.client("wafv2").create_ip_set(
            Name="one", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"]
        )["Summary"]["ARN"]
        text = self.text.replace(KEY, keys[0]).replace(IP_SET, addresses)
        self.publish(text.replace(ACCOUNT, self.world.account))
        self.extra: Doc = {**self._more(), "key": keys[1]}
        self.reports = self.converge()
        self.later(86_400)  # out of every waiting time that a creation begins
        self.reports += self.converge()
        self.settled = self.snapshot()

    def publish(self, text: str) -> None:
        if not isinstance(getattr(self, "store", None), MemoryStore):
            super().publish(text)
            return
        self.text = text
        key = f"environments/{self.name}.yaml"
        held = self.store.get(key)
        self.store.put(key, text.encode(), held.version if held else None)

    def _more(self) -> Doc:
        """What a perturbation may point at instead: another subnet, security group, …"""
        ec2, elb = self.aws.client("ec2"), self.aws.client("elbv2")
        seeded = {
            p["Name"].removeprefix(P + "/"): p["Value"]
            for page in self.aws.client("ssm").get_paginator("get_parameters_by_path").paginate(
                Path=P, Recursive=True)
            for p in page["Parameters"]
        }  # fmt: skip
        vpc = seeded["network/vpc"]
        subnet = ec2.create_subnet(
            VpcId=vpc, CidrBlock="10.40.99.0/24", AvailabilityZone="us-east-1c"
        )["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="another", Description="another", VpcId=vpc)
        made = elb.create_target_group(
            Name="another", Protocol="HTTP", Port=4000, VpcId=vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        public = [
            s["SubnetId"]
            for s in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
            if s["CidrBlock"] in ("10.40.0.0/24", "10.40.1.0/24")
        ]
        balancer = elb.create_load_balancer(Name="another", Subnets=public)["LoadBalancers"][0]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": made}],
        )  # fmt: skip
        return {
            "subnet": subnet, "group": group["GroupId"], "target": made,
            "balancer": balancer["LoadBalancerArn"], "seeded": seeded,
        }  # fmt: skip

    @property
    def subjects(self) -> dict[str, Assessment]:
        """The resources to perturb, as the last pass saw them."""
        return {
            key: seen
            for key, seen in self.reports[-1].assessments.items()
            if key.startswith(f"{self.kind}/full")
        }

    def snapshot(self) -> tuple[Any, Any]:
        """AWS as the sandbox keeps it, and our own state."""
        return copy.deepcopy(self.world._stores), dict(self.store.objects)

    def back(self) -> None:
        """Everything as it was when it had converged."""
        stores, objects = self.settled
        self.world._stores = copy.deepcopy(stores)
        self.world._history.clear()
        self.store.objects = dict(objects)
        self.door.cache.clear()  # revisions get their numbers again
        self.world.calls.clear()
        self.checkpoint()

    def observe(self) -> Report:
        """One pass that may write nothing."""
        return self.run(highest_mode="observe")
