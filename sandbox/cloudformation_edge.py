"""CloudFormation's WAFv2 types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_WAFv2.html
"""

from __future__ import annotations

from typing import ClassVar

from sandbox.cloudformation_calls import Doc, Job, fit, paths
from sandbox.cloudformation_providers import Provider, provides

NONE = "WAFNonexistentItemException"


class Entity(Provider):
    """A web ACL or an IP set: Ref gives `name|id|scope`, deletions need a lock token."""

    noun: ClassVar[str]

    def create(self, job: Job, properties: Doc) -> None:
        """One call, and a read for what its reply does not hold."""
        said = {**properties, "Name": properties.get("Name") or job.name(128)}
        if tags := job.tagged(properties):
            said["Tags"] = tags
        params = fit("wafv2", f"Create{self.noun}", said)
        made = job.call("wafv2", f"Create{self.noun}", **params)["Summary"]
        scope = params["Scope"]
        ref = "|".join([made["Name"], made["Id"], scope])
        job.hold(ref, {"Arn": made["ARN"], "Id": made["Id"]}, made["ARN"])

    def ready(self, job: Job) -> bool:
        """Once it can be read."""
        found = self._found(job)
        if found is None:
            return False
        job.hold(job.physical, paths(found[self.noun], "Capacity", "LabelNamespace"))
        return True

    def _key(self, job: Job) -> Doc:
        return dict(zip(("Name", "Id", "Scope"), job.physical.split("|"), strict=True))

    def _found(self, job: Job) -> Doc | None:
        return job.call.quietly("wafv2", f"Get{self.noun}", NONE, **self._key(job))

    def delete(self, job: Job) -> None:
        """With the token of a read just before."""
        found = self._found(job)
        if found is not None:
            token = found["LockToken"]
            job.call("wafv2", f"Delete{self.noun}", LockToken=token, **self._key(job))


@provides("AWS::WAFv2::WebACL")
class WebACL(Entity):
    """A web ACL."""

    noun = "WebACL"


@provides("AWS::WAFv2::IPSet")
class IPSet(Entity):
    """An IP set."""

    noun = "IPSet"


@provides("AWS::WAFv2::WebACLAssociation")
class Association(Provider):
    """What a web ACL protects; Ref gives `resource|web ACL`."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        params = fit("wafv2", "AssociateWebACL", properties)
        job.call("wafv2", "AssociateWebACL", **params)
        job.hold(f"{params['ResourceArn']}|{params['WebACLArn']}", {})

    def delete(self, job: Job) -> None:
        """One call."""
        resource = job.physical.partition("|")[0]
        job.call.quietly("wafv2", "DisassociateWebACL", NONE, ResourceArn=resource)


@provides("AWS::WAFv2::LoggingConfiguration")
class Logging(Provider):
    """Where a web ACL's logs go; Ref gives the ACL's ARN."""

    def create(self, job: Job, properties: Doc) -> None:
        """One call."""
        params = fit("wafv2", "PutLoggingConfiguration", {"LoggingConfiguration": properties})
        job.call("wafv2", "PutLoggingConfiguration", **params)
        job.hold(params["LoggingConfiguration"]["ResourceArn"], {"ManagedByFirewallManager": False})

    def delete(self, job: Job) -> None:
        """One call."""
        job.call.quietly("wafv2", "DeleteLoggingConfiguration", NONE, ResourceArn=job.physical)
