"""The bundle imports alone, holds what is pinned and nothing else, and makes its calls."""

from __future__ import annotations

import re
import socket
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from controller.kinds import KINDS, handler_for
from tests.bench.processes import ROOT, settings
from tests.bench.served import served
from tests.bundle.alone import CONTEXT, run

PIN = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.M)
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for part in ("controller", "handlers")
    for path in (ROOT / part).rglob("*.py")
    if "cli" not in path.parts and path.name != "bundle.py"
)
CALLS = sorted({
    call for kind in KINDS for call in (*handler_for(kind).reads, *handler_for(kind).writes)
})  # fmt: skip


def test_every_module_imports_alone(bundle: Path) -> None:
    code = f"""
import importlib, json
print(json.dumps([importlib.import_module(name).__name__ for name in {MODULES}]))
"""
    assert run(bundle, code) == MODULES


def test_it_holds_what_is_pinned_and_ours_and_nothing_else(bundle: Path) -> None:
    pinned = set(PIN.findall((ROOT / "requirements" / "runtime.txt").read_text("utf-8")))
    found, files = set(), {"controller", "handlers"}
    for info in bundle.glob("*.dist-info"):
        text = (info / "METADATA").read_text("utf-8")
        name, version = (re.search(rf"^{k}: (.+)$", text, re.M) for k in ("Name", "Version"))
        assert name
        assert version
        found.add((re.sub(r"[-_.]+", "-", name[1]).lower(), version[1]))
        rows = (info / "RECORD").read_text("utf-8").splitlines()
        files |= {row.split(",")[0].split("/")[0].strip('"') for row in rows} | {info.name}
    assert found == pinned
    assert {path.name for path in bundle.iterdir()} - files <= {"__pycache__"}
    ours = {path.name for path in bundle.glob("controller/*")}
    assert not ours & {"cli", "sandbox", "tests"}
    for word in ("sandbox", "tests", "moto", "pytest", "boto3", "click", "rich"):
        assert not (bundle / word).exists()


def test_all_of_it_is_compiled_and_says_nothing_of_the_build(bundle: Path) -> None:
    """Not checked against sources, and with the paths of Lambda: every build is the same."""
    for source in bundle.rglob("*.py"):
        compiled = Path(cache_from_source(str(source)))
        assert compiled.exists(), source
        body = compiled.read_bytes()
        assert int.from_bytes(body[4:8], "little") == 0b01, "PEP 552: unchecked, by hash"
        assert str(bundle).encode() not in body
    tags = {path.name.split(".")[-2] for path in bundle.rglob("*.pyc")}
    assert tags == {sys.implementation.cache_tag}


def test_it_knows_the_calls_of_all_kinds_and_of_no_other_service(bundle: Path) -> None:
    code = f"""
import json
from controller.sessions import session
known, made = {{}}, session()
for call in {CALLS}:
    service, _, name = call.partition(":")
    known.setdefault(service, made.create_client(service).meta.service_model.operation_names)
    assert name in known[service], call
print(json.dumps(sum(map(len, known.values()))))
"""
    assert len(CALLS) <= run(bundle, code) < 2 * len(CALLS)
    data = {path.name for path in (bundle / "botocore" / "data").iterdir() if path.is_dir()}
    services = {call.partition(":")[0] for call in CALLS}
    assert data == services | {"events", "s3", "sns", "sqs", "ssm", "sts"}


@pytest.mark.parametrize("function", ["schedule", "change", "reconcile"])
def test_functions_start_without_the_kinds(bundle: Path, function: str) -> None:
    """A cold start imports what every invocation needs; kinds follow when one is met."""
    code = f"""
import json
import handlers.{function}
print(json.dumps(sorted(sys.modules)))
"""
    loaded = set(run(bundle, code))
    assert f"handlers.{function}" in loaded
    assert not [name for name in loaded if name.startswith("controller.kinds.")]
    assert not loaded & {"boto3", "jsonpatch", "controller.importing"}
    if function != "reconcile":
        assert not loaded & {"controller.reconciler", "controller.manifest", "controller.apply"}


def test_the_worker_answers_and_is_traced(bundle: Path) -> None:
    """The subsegment says what became of each environment.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5)
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        address = f"127.0.0.1:{daemon.getsockname()[1]}"
        code = f"""
import json
from handlers.reconcile import handler
{CONTEXT}
print(json.dumps(handler({{"Records": []}}, Context())))
"""
        extra = {"_X_AMZN_TRACE_ID": trace, "AWS_XRAY_DAEMON_ADDRESS": address}
        assert run(bundle, code, extra) == {"batchItemFailures": []}
        sent = daemon.recv(65_000).decode()
    assert '"name": "## handler"' in sent
    assert '"passes": {}' in sent
    assert '"trace_id": "1-5759e988-bd862e3fe1be46a994272793"' in sent


def test_a_pass_over_litellm_in_production(bundle: Path, tmp_path: Path) -> None:
    """With the pruned models, against the simulated AWS: converged, and at rest."""
    with served() as world:
        state = f"s3://{world.plant.bucket}"
        code = f"""
import json
sys.path.append({str(ROOT)!r})
from tests.bench import steady
import controller, botocore
assert {str(bundle)!r} in controller.__file__ and {str(bundle)!r} in botocore.__file__
print(json.dumps(steady.main(2, {state!r})))
"""
        made = run(
            bundle, code, {"AWS_ENDPOINT_URL": settings(world.port, tmp_path)["AWS_ENDPOINT_URL"]}
        )
    assert sum(made["calls2"].values()) > 10
