"""Checks against botocore's model of AWS's API, for what a file holds in AWS's own words."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator


@cache
def _service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def check_shape(service: str, shape: str, value: Any) -> None:
    """Raise `ValueError` unless `value` is what AWS's API calls a `shape`."""
    report = ParamValidator().validate(value, _service(service).shape_for(shape))
    if report.has_errors():
        raise ValueError(f"AWS knows no such {shape}: {report.generate_report()}")
