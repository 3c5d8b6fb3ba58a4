"""What `template.yaml` tells the functions, by environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.envelope import Mode
from controller.registry import Home

MODES: tuple[Mode, ...] = ("observe", "enforce")


class BadSettings(Exception):
    """The function's environment variables can't be used."""


@dataclass(frozen=True, slots=True)
class Settings:
    """bucket: of the state. queue: URL of the FIFO queue. mode: the most that an environment which
    the registry does not name may have. role: prefix of the two roles in each account,
    `<role>-observe` and `<role>-converge`. external_id: what they ask for. bus, topic: where events
    and what people should know go; empty: nowhere. share: this worker's part of AWS's rates.
    """

    bucket: str
    queue: str
    mode: Mode
    region: str
    role: str = "plumbline"
    external_id: str = ""
    bus: str = ""
    topic: str = ""
    parameters: str = ""
    share: float = 1.0

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Settings:
        """From environment variables. Raises `BadSettings` with all that is wrong."""
        wrong = []

        def needed(name: str, what: str) -> str:
            value = variables.get(name, "")
            if not value:
                wrong.append(f"{name}: found nothing, allowed: {what}")
            return value

        bucket = needed("PLUMBLINE_BUCKET", "the state bucket's name")
        queue = needed("PLUMBLINE_QUEUE", "the queue's URL")
        region = needed("AWS_REGION", "a region (Lambda sets it)")
        mode = variables.get("PLUMBLINE_MODE", "")
        known = next((m for m in MODES if m == mode), None)
        if known is None:
            wrong.append(f"PLUMBLINE_MODE: found {mode or 'nothing'}, allowed: observe or enforce")
        try:
            share = float(variables.get("PLUMBLINE_RATE_SHARE") or 1)
        except ValueError:
            share = 0.0
        if not 0 < share <= 1:
            found = variables.get("PLUMBLINE_RATE_SHARE")
            wrong.append(f"PLUMBLINE_RATE_SHARE: found {found}, allowed: above 0 and up to 1")
        if wrong or known is None:
            raise BadSettings("; ".join(wrong))
        return cls(
            bucket, queue, known, region,
            role=variables.get("PLUMBLINE_ROLE") or "plumbline",
            external_id=variables.get("PLUMBLINE_EXTERNAL_ID", ""),
            bus=variables.get("PLUMBLINE_BUS", ""),
            topic=variables.get("PLUMBLINE_TOPIC", ""),
            parameters=variables.get("PLUMBLINE_PARAMETERS", ""),
            share=share,
        )  # fmt: skip

    def home(self, function_arn: str) -> Home:
        """The control plane's own place, told by the function's ARN."""
        return Home(function_arn.split(":")[4], self.region, self.mode)


def partition(function_arn: str) -> str:
    """`aws`, `aws-cn` or `aws-us-gov`."""
    return function_arn.split(":")[1]
