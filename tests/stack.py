"""The control plane's stack as the command line finds it, and a person at a terminal beside it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3

from controller.cli import tools
from controller.cli.main import run
from sandbox.inprocess import session
from tests.plane import Plane

WORKER = "arn:aws:iam::1:role/worker"
"""Whom `Plane.trust` lets in."""

PARAMETERS = {
    "Mode": "enforce", "ParameterPath": "plumbline/", "RoleName": "plumbline",
    "ScheduleState": "ENABLED", "MaximumConcurrency": "5",
}  # fmt: skip


class Person:
    """Somebody with credentials of the account, the stack `plumbline` and a terminal."""

    def __init__(self, plane: Plane, **changed: str) -> None:
        self.plane = plane
        self.aws: boto3.Session = session(plane.world, access_key="AKIAPERSON")
        plane.patch.setattr(tools, "session", lambda: self.aws._session)
        for name in ("PLUMBLINE_STATE", "PLUMBLINE_STACK"):
            plane.patch.delenv(name, raising=False)
        plane.patch.setenv("NO_COLOR", "1")
        self.secure()
        self.make({**PARAMETERS, **changed})

    def make(
        self, parameters: dict[str, str], name: str = "plumbline", *, lacking: str = ""
    ) -> None:
        """The stack: what the template outputs, and one resource, since a stack needs some."""
        outputs = {
            "StateBucketName": self.plane.bucket, "QueueUrl": self.plane.queue,
            "WorkerRoleArn": WORKER,
        }  # fmt: skip
        outputs.pop(lacking, None)
        template = {
            "Parameters": {key: {"Type": "String"} for key in parameters},
            "Resources": {"ReconcileLog": {"Type": "AWS::Logs::LogGroup"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        self.aws.client("cloudformation").create_stack(
            StackName=name,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )
        self.plane.world.clock.advance(timedelta(minutes=2))

    def secure(self) -> None:
        """The bucket as the template has it."""
        s3, bucket = self.plane.s3, {"Bucket": self.plane.bucket}
        key = self.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_encryption(
            **bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
            },
        )
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy",
                 "RestrictPublicBuckets")  # fmt: skip
        s3.put_public_access_block(
            **bucket, PublicAccessBlockConfiguration=dict.fromkeys(names, True)
        )

    def register(self, spec: str) -> None:
        """Write the registry."""
        body = f"apiVersion: plumbline.dev/v1\nkind: Registry\nspec:\n{spec}"
        self.plane.s3.put_object(Bucket=self.plane.bucket, Key="registry.yaml", Body=body.encode())

    def types(self, *words: str) -> tuple[int, str, str]:
        """`plumbline …`: exit code, what it says, what it complains of."""
        self.plane.capsys.readouterr()
        code = run([str(word) for word in words])
        out, err = self.plane.capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    def uploads(self) -> list[dict[str, Any]]:
        """Calls of this person's that put something into the bucket or Parameter Store."""
        return [
            call.params
            for call in self.plane.world.calls
            if call.access_key == "AKIAPERSON"
            and call.name in ("s3:Put", "ssm:PutParameter")
            and "encryption" not in str(call.params)
        ]
