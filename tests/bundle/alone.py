"""Code run in a process that has the bundle and Python's own library, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LAMBDA = {
    "AWS_ACCESS_KEY_ID": "AKIAPLUMBLINE",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "plumbline-Reconcile",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "sandbox",
    "LAMBDA_TASK_ROOT": "/var/task",
    "PLUMBLINE_BUCKET": "state",
    "PLUMBLINE_CACHE": "",
    "PLUMBLINE_MODE": "observe",
    "PLUMBLINE_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/plumbline.fifo",
    "POWERTOOLS_SERVICE_NAME": "plumbline",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
"""As Lambda and the template set it. There is no disk to keep models on: `PLUMBLINE_CACHE`."""

CONTEXT = """
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "plumbline-Reconcile", 512, "1a2b"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:plumbline-Reconcile"
    def get_remaining_time_in_millis(self):
        return 300_000
"""


def run(bundle: Path, code: str, extra: Mapping[str, str] | None = None) -> Any:
    """What the code prints last, as JSON. Fails with what it says if it ends in an error."""
    path = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH")}
    whole = f"import sys; sys.path.insert(0, {str(bundle)!r})\n{code}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", whole],
        env={**path, **LAMBDA, **(extra or {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])
