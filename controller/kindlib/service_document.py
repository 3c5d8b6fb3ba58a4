"""A service as AWS shows it, put together: some of it stands in its deployments or task sets only.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.kindlib.service_connect import connect_spec
from controller.kindlib.service_parts import network_spec, registries_spec, strategy_spec
from controller.kindlib.service_volumes import lattice_spec, volumes_spec
from controller.policies import Doc

IN_DEPLOYMENT = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
"""Members that DescribeServices shows in deployments only (case 52)."""

_IN_TASK_SET = (
    "launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration",
    "loadBalancers", "serviceRegistries",
)  # fmt: skip
"""Members that a service of another deployment controller has in its task sets."""


def in_force(doc: Mapping[str, Any]) -> Doc:
    """The service with what is in force of its deployments, or of its task sets (case 40)."""
    service: Doc = dict(doc["service"])
    primary: Mapping[str, Any] = next(
        (d for d in service.get("deployments") or () if d.get("status") == "PRIMARY"), {}
    )
    for member in IN_DEPLOYMENT:
        if member in primary:
            service[member] = primary[member]
    for member in _IN_TASK_SET:
        if not service.get(member) and (doc.get("taskSet") or {}).get(member):
            service[member] = doc["taskSet"][member]
    return service


def revision_spec(raw: Mapping[str, Any]) -> Doc:
    """What a service and a revision of it have in common, in our language."""
    version, connect = raw.get("platformVersion"), raw.get("serviceConnectConfiguration")
    return {
        "networkConfiguration": network_spec(raw),
        "capacityProviderStrategy": strategy_spec(raw.get("capacityProviderStrategy")),
        "launchType": raw.get("launchType"),
        "platformVersion": None if version == "LATEST" else version,
        "loadBalancers": raw.get("loadBalancers"),
        "serviceRegistries": registries_spec(raw.get("serviceRegistries")),
        "serviceConnectConfiguration": connect_spec(connect) if connect else None,
        "volumeConfigurations": volumes_spec(raw.get("volumeConfigurations")),
        "vpcLatticeConfigurations": lattice_spec(raw.get("vpcLatticeConfigurations")),
    }
