"""Opening a secret: only inside `apply`, only by the call that needs its value."""

from __future__ import annotations

from controller.aws import Aws, AwsFailure


def secret_value(aws: Aws, arn: str, version_id: str) -> str:
    """The text of the current version of a secret. Raises `AwsFailure`.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    The value is blotted out of every error text from now on. A version that is no longer current is
    "stale": what listed it lagged behind, and would set a password back.
    """
    request = {"SecretId": arn, "VersionId": version_id}
    reply = aws.reveal("secretsmanager", "GetSecretValue", request)
    value = str(reply["SecretString"])
    aws.keep_secret(value)
    if "AWSCURRENT" not in reply.get("VersionStages", ()):
        message = f"version {version_id} is not the current one any more"
        raise AwsFailure("stale", "NotCurrent", message, "secretsmanager:GetSecretValue")
    return value
