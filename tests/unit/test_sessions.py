"""The quick session reads what botocore reads, but for the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import UnknownServiceError

from controller.sessions import _loader, session

SERVICES = ("ecs", "elasticache", "s3", "wafv2")


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """As in a new process."""
    _loader.cache_clear()


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        silent = {"documentation": ""} if isinstance(value.get("documentation"), str) else {}
        return {k: _told(v) for k, v in value.items()} | silent
    return [_told(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("cached", ["at first", "from what was kept", "with no folder for it"])
def test_models_are_botocores(cached: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "" if cached == "with no folder for it" else str(tmp_path / "kept")
    monkeypatch.setenv("PLUMBLINE_CACHE", folder)
    theirs = botocore.session.Session().get_component("data_loader")
    if cached == "from what was kept":
        for service in SERVICES:
            session().get_service_data(service)
        _loader.cache_clear()
    ours = session().get_component("data_loader")
    for service in SERVICES:
        for kind in ("service-2", "endpoint-rule-set-1"):
            found = ours.load_service_model(service, kind)
            assert found == _told(theirs.load_service_model(service, kind))
    assert ours.load_data("endpoints") == _told(theirs.load_data("endpoints"))
    assert bool(list(tmp_path.rglob("*.marshal"))) is bool(folder)


def test_a_broken_copy_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path))
    session().get_service_data("s3")
    _loader.cache_clear()
    for kept in tmp_path.rglob("*.marshal"):
        kept.write_bytes(kept.read_bytes()[:100])
    assert "GetObject" in session().get_service_data("s3")["operations"]


@pytest.mark.parametrize("service", SERVICES)
def test_endpoints_are_found(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path))
    found = []
    for core in (session(), botocore.session.Session()):
        core.set_credentials("AKIA", "secret")
        client = core.create_client(service, region_name="eu-west-1")
        model = client.meta.service_model
        operation = model.operation_model(model.operation_names[0])
        found.append(client._resolve_endpoint_ruleset(operation, {}, {})[0])
    assert found[0] == found[1]


def test_an_unknown_service_is_unknown() -> None:
    with pytest.raises(UnknownServiceError):
        session().create_client("nothing", region_name="us-east-1")


def test_what_one_session_has_read_others_need_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUMBLINE_CACHE", "")
    first, second = (session().get_component("data_loader") for _ in range(2))
    model = first.load_service_model("sts", "service-2")
    assert second.load_service_model("sts", "service-2") is model
