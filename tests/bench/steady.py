"""A pass in a process of its own: `python -m tests.bench.steady PASSES STATE`, times as JSON.

STATE: `s3://bucket`, or a directory. PASSES 0: imports, of all kinds too, and clients only.
"""

from __future__ import annotations

import time

BEGUN = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from controller.aws import Aws  # noqa: E402
from controller.kinds import KINDS, handler_for  # noqa: E402
from controller.reconciler import Tools, reconcile  # noqa: E402
from controller.sessions import session  # noqa: E402
from controller.sources import StoreSource  # noqa: E402
from controller.store import DirectoryStore, S3Store, Store  # noqa: E402
from tests.bench.memory import peak_mb  # noqa: E402

ENV = "litellm-production"
REGION, ACCOUNT = "us-east-1", "123456789012"


def main(passes: int, state: str) -> dict[str, Any]:
    """Passes one after the other, in one process."""
    aws = Aws(session(), region=REGION, account=ACCOUNT)
    if not passes:
        import_module("controller.loading")
        for kind in KINDS:
            handler_for(kind)
        for service in sys.argv[3:]:
            aws.client(service)
        return {"clients_s": time.perf_counter() - BEGUN}
    out: dict[str, Any] = {}
    store: Store = DirectoryStore(Path(state))
    if state.startswith("s3://"):
        store = S3Store(aws.client("s3"), state.removeprefix("s3://"))
    tools = Tools(store, StoreSource(store), aws.fresh, "bench")
    for number in range(passes):
        at = time.perf_counter()
        report = reconcile(ENV, tools)
        out[f"pass{number + 1}_s"] = time.perf_counter() - at
        out[f"calls{number + 1}"] = report.calls
        if not report.converged or report.outcomes:
            raise SystemExit(f"not a steady pass: {report.status}")
    out["peak_mb"] = peak_mb()
    return out


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2])))
