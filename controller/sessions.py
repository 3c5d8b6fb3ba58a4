"""The AWS session that everything here uses, made quickly.

Most of what making a client costs is botocore reading its service models: megabytes of packed JSON,
mostly documentation, parsed anew in each process. Here they are read without it, and kept so in
`~/.cache/plumbline` in the form that Python reads fastest (`PLUMBLINE_CACHE`: another folder, by
its whole path; empty: none). It may be removed at any time; where none can be written, all works
without.
"""

from __future__ import annotations

import gzip
import json
import marshal
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import botocore.session
from botocore.config import Config
from botocore.loaders import JSONFileLoader, Loader

BOUNDED = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
)
"""No call may hang for the minutes that botocore allows: a pass has five."""

_BUILTIN = Path(botocore.__file__).parent / "data"
_FORM = f"botocore-{botocore.__version__}-{sys.implementation.cache_tag}-1"
"""Whatever makes another botocore, another Python or another of these modules read otherwise."""


def session() -> botocore.session.Session:
    """A session by the standard AWS settings: profile, credentials, region, endpoints."""
    made = botocore.session.Session()
    made.set_default_client_config(BOUNDED)
    made.register_component("data_loader", _loader(made.get_config_variable("data_path") or ""))
    return made


class _Files(JSONFileLoader):  # type: ignore[misc]  # botocore ships no types
    """Reads botocore's own files as said above, and others (`~/.aws/models`) as botocore does."""

    def load_file(self, file_path: str) -> Any:
        try:
            inside = Path(file_path).relative_to(_BUILTIN)
        except ValueError:
            return super().load_file(file_path)
        kept = _folder() / f"{'_'.join(inside.parts)}.marshal"
        with suppress(OSError, ValueError, EOFError, TypeError):
            return marshal.loads(kept.read_bytes())
        found = _parsed(file_path)
        if found is not None:
            with suppress(OSError):
                _keep(kept, marshal.dumps(found))
        return found


class _Loader(Loader):  # type: ignore[misc]  # botocore ships no types
    """Knows the services by their folders, without looking into the hundreds of them."""

    FILE_LOADER_CLASS = _Files

    def __init__(self, data_path: str) -> None:
        super().__init__([os.path.expanduser(p) for p in data_path.split(os.pathsep) if p])
        there = [path for path in self.search_paths if os.path.isdir(path)]
        self._services = sorted({name for path in there for name in os.listdir(path)})

    def list_available_services(self, type_name: str) -> list[str]:
        return self._services


@cache
def _loader(data_path: str) -> _Loader:
    """One for all sessions of the process: what one has read the others need not."""
    return _Loader(data_path)


def _parsed(path: str) -> Any:
    """The file without its documentation; None if there is none."""
    if os.path.isfile(f"{path}.json"):  # small, or pruned by handlers/bundle.py
        return json.loads(Path(f"{path}.json").read_bytes())
    if os.path.isfile(f"{path}.json.gz"):
        body = gzip.decompress(Path(f"{path}.json.gz").read_bytes())
    else:
        return None
    return json.loads(body, object_hook=_without_documentation)


def _without_documentation(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("documentation"), str):
        part["documentation"] = ""  # botocore wants it to be there
    return part


def _folder() -> Path:
    chosen = os.environ.get("PLUMBLINE_CACHE")
    if chosen is None:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        chosen = os.path.join(os.path.expanduser(base), "plumbline")
    return Path(chosen if os.path.isabs(chosen) else os.devnull) / _FORM


def _keep(path: Path, body: bytes) -> None:
    """Write a whole file or none, as other processes may read it now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(body)
    draft.replace(path)
