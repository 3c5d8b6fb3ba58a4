"""What the build leaves of botocore: all that is called, as it was. A real one: tests/bundle."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from controller.kinds import KINDS, handler_for
from handlers.bundle import OWN, named, prune, trimmed

ROOT = Path(__file__).parents[2]
SOURCES = [
    path.read_text(encoding="utf-8")
    for part in ("controller", "handlers")
    for path in (ROOT / part).rglob("*.py")
    if "cli" not in path.parts
]


def test_every_call_of_a_kind_is_found_in_the_source() -> None:
    calls = {f"{service}:{operation}" for service, operation in named(SOURCES)}
    for kind in KINDS:
        handler = handler_for(kind)
        assert {*handler.reads, *handler.writes} <= calls, kind
    assert set(OWN) <= calls


def tree(shape: Shape | None, above: tuple[str, ...] = ()) -> Any:
    """A shape as it is sent or read: names, types, requirements; a recursion once."""
    if shape is None or shape.name in above:
        return shape and shape.name
    below = (*above, shape.name)
    members = {name: tree(each, below) for name, each in getattr(shape, "members", {}).items()}
    inner = [tree(getattr(shape, n, None), below) for n in ("member", "key", "value")]
    return shape.name, shape.type_name, shape.metadata, shape.serialization, members, inner


@pytest.mark.parametrize("service", ["s3", "sqs", "ecs", "wafv2", "cloudwatch"])
def test_a_trimmed_model_says_the_same_of_what_is_left(service: str) -> None:
    data = botocore.session.Session().get_component("data_loader").load_service_model(
        service, "service-2"
    )  # fmt: skip
    wanted = {operation for name, operation in named(SOURCES) if name == service}
    full, left = ServiceModel(data, service), ServiceModel(trimmed(data, wanted), service)
    assert set(left.operation_names) == wanted & set(full.operation_names) != set()
    for name in left.operation_names:
        ours, theirs = left.operation_model(name), full.operation_model(name)
        assert tree(ours.input_shape) == tree(theirs.input_shape)
        assert tree(ours.output_shape) == tree(theirs.output_shape)
        assert {s.name for s in ours.error_shapes} == {s.name for s in theirs.error_shapes}
        assert ours.http == theirs.http
        assert not ours.documentation
    assert left.metadata == full.metadata


@pytest.mark.parametrize("service", ["rds", "s3", "secretsmanager"])
def test_a_pruned_service_can_tell_its_errors(service: str, tmp_path: Path) -> None:
    """`sdk-extras` adds members to shapes of calls that are not made: pieces without a type."""
    for part in (service, "endpoints.json"):
        source = Path(botocore.__file__).parent / "data" / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / part)
    prune(tmp_path, named(SOURCES))
    loader = Loader([str(tmp_path)], include_default_search_paths=False)
    model = ServiceModel(loader.load_service_model(service, "service-2"), service)
    assert model.error_shapes


def test_pruning_leaves_what_is_called(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for service in ("ssm", "sns"):
        model = {
            "metadata": {"endpointPrefix": service},
            "operations": {"Publish": {"input": {"shape": "In"}, "documentation": "<p>Long</p>"}},
            "shapes": {"In": {"type": "structure", "members": {}}, "Other": {"type": "string"}},
        }
        for version in ("2009-01-01", "2010-03-31"):
            (data / service / version).mkdir(parents=True)
            for name in ("service-2", "waiters-2", "paginators-1"):
                packed = gzip.compress(json.dumps(model).encode())
                (data / service / version / f"{name}.json.gz").write_bytes(packed)
    regions: dict[str, Any] = {"services": {"ssm": {}, "sns": {"endpoints": {}}}, "regions": {}}
    (data / "endpoints.json").write_text(json.dumps({"partitions": [regions]}))
    prune(data, {("sns", "Publish"), ("ssm", "Gone"), ("kms", "Decrypt")})
    left = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    kept = {f"sns/2010-03-31/{name}.json" for name in ("service-2", "paginators-1")}
    assert left == {"endpoints.json", *kept}
    model = json.loads((data / "sns/2010-03-31/service-2.json").read_text())
    assert model["operations"]["Publish"] == {"input": {"shape": "In"}, "documentation": ""}
    assert model["shapes"].keys() == {"In"}
    [partition] = json.loads((data / "endpoints.json").read_text())["partitions"]
    assert partition == {"services": {"sns": {"endpoints": {}}}, "regions": {}}
