"""What the build does to a bundle before it is packed: `python bundle.py FOLDER`.

Most of botocore's size is models of services that Plumbline never calls, and most of a model's is
documentation and operations that it never calls. What is left is found in the bundle's own source,
so that no list can be forgotten: handlers name their calls as `service:Operation`. Nothing of the
bundle is imported, since it is made for another Python and perhaps another processor.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

OWN = (
    "events:PutEvents", "s3:DeleteObject", "s3:GetObject", "s3:ListObjectsV2", "s3:PutObject",
    "sns:Publish", "sqs:SendMessageBatch", "ssm:GetParameters", "sts:AssumeRole",
)  # fmt: skip
"""The control plane's own calls, which stand in the source as methods."""

MODEL = "service-2"
EXTRAS = "service-2.sdk-extras"
KEPT = ("endpoint-rule-set-1", "paginators-1", EXTRAS)
"""Other files of a service that a client reads. Waiters and examples are left out."""

_CALL = re.compile(r"\b([a-z][a-z0-9-]+):([A-Z][A-Za-z0-9]+)\b")


def named(sources: Iterable[str]) -> set[tuple[str, str]]:
    """All that looks like a call in source code."""
    return {(m[1], m[2]) for text in (*sources, *OWN) for m in _CALL.finditer(text)}


def prune(data: Path, calls: set[tuple[str, str]]) -> None:
    """Leave in botocore's data what these calls need, without documentation, as plain JSON."""
    prefixes = set()
    for folder in sorted(p for p in data.iterdir() if p.is_dir()):
        wanted = {operation for service, operation in calls if service == folder.name}
        newest = max(p for p in folder.iterdir() if p.is_dir())
        model = trimmed(_read(newest / MODEL), wanted) if wanted else {}
        if not model.get("operations"):
            shutil.rmtree(folder)
            continue
        files = {name: _read(newest / name) for name in KEPT if _there(newest / name)}
        if EXTRAS in files:
            _fit(files[EXTRAS], model)
        shutil.rmtree(folder)
        newest.mkdir(parents=True)
        for name, content in {MODEL: model, **files}.items():
            _write(newest / name, content)
        prefixes.add(model["metadata"]["endpointPrefix"])
    endpoints = _read(data / "endpoints")
    for partition in endpoints["partitions"]:
        services = partition["services"].items()
        partition["services"] = {name: each for name, each in services if name in prefixes}
    _write(data / "endpoints", endpoints)


def trimmed(model: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
    """A service model with these operations, and the shapes that they are made of."""
    operations = {name: each for name, each in model["operations"].items() if name in wanted}
    shapes, todo = {}, set(_shapes(operations))
    while todo:
        name = todo.pop()
        shapes[name] = model["shapes"][name]
        todo |= set(_shapes(shapes[name])) - shapes.keys()
    kept = {name: each for name, each in model["shapes"].items() if name in shapes}
    out: dict[str, Any] = _terse({**model, "operations": operations, "shapes": kept})
    return out


def _fit(extras: dict[str, Any], model: dict[str, Any]) -> None:
    """Leave out additions to shapes that are gone: botocore would make half shapes of them."""
    merge = extras.get("merge", {})
    if "shapes" in merge:
        merge["shapes"] = {k: v for k, v in merge["shapes"].items() if k in model["shapes"]}


def _shapes(part: Any) -> Iterator[str]:
    """Names of shapes that are referred to."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for each in part.values():
            yield from _shapes(each)
    elif isinstance(part, list):
        for each in part:
            yield from _shapes(each)


def _terse(part: Any) -> Any:
    """Without documentation; botocore wants the word to be there."""
    if isinstance(part, dict):
        return {
            name: "" if name == "documentation" and isinstance(each, str) else _terse(each)
            for name, each in part.items()
        }
    return [_terse(each) for each in part] if isinstance(part, list) else part


def _there(path: Path) -> bool:
    return any(path.with_name(path.name + end).exists() for end in (".json", ".json.gz"))


def _read(path: Path) -> Any:
    plain = path.with_name(f"{path.name}.json")
    body = plain.read_bytes() if plain.exists() else None
    return json.loads(body or gzip.decompress(path.with_name(f"{path.name}.json.gz").read_bytes()))


def _write(path: Path, content: Any) -> None:
    text = json.dumps(content, separators=(",", ":"))
    path.with_name(f"{path.name}.json").write_text(text, encoding="utf-8")


def main(root: Path) -> None:
    """Prune the bundle in `root`."""
    sources = (root / part for part in ("controller", "handlers"))
    texts = [file.read_text("utf-8") for part in sources for file in sorted(part.rglob("*.py"))]
    prune(root / "botocore" / "data", named(texts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
