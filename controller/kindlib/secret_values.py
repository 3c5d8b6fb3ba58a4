"""Opening a secret: only inside `apply`, only by the call that needs its value."""

from __future__ import annotations

from controller.aws import Aws


def secret_value(aws: Aws, arn: str, version_id: str) -> str:
    """The text of one version of a secret. Raises `AwsFailure`.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    The value is blotted out of every error text from now on.
    """
    request = {"SecretId": arn, "VersionId": version_id}
    value = str(aws.read("secretsmanager", "GetSecretValue", request)["SecretString"])
    aws.keep_secret(value)
    return value
