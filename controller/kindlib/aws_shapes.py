"""Checks against botocore's model of AWS's API, for what a file holds in AWS's own words."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator


@cache
def _service(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def shape_of(service: str, name: str) -> Shape:
    """botocore's model of a shape."""
    return _service(service).shape_for(name)


def check_shape(service: str, shape: str, value: Any) -> None:
    """Raise `ValueError` unless `value` is what AWS's API calls a `shape`."""
    report = ParamValidator().validate(value, shape_of(service, shape))
    if report.has_errors():
        raise ValueError(f"AWS knows no such {shape}: {report.generate_report()}")


@cache
def members(service: str, operation: str) -> frozenset[str]:
    """The parameters of an operation, as the botocore that is installed knows them."""
    shape = _service(service).operation_model(operation).input_shape
    return frozenset(shape.members if shape is not None else ())
