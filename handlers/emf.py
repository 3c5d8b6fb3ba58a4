"""Metrics in CloudWatch's embedded metric format: lines of the log that become numbers.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_lambda_powertools.metrics import EphemeralMetrics

from controller.telemetry import Metric

NAMESPACE = "Plumbline"


def emit(found: Iterable[Metric], **dimensions: str) -> None:
    """Write these metrics under exactly these dimensions; none at all is an aggregate.

    powertools would add its service name as one more dimension, which alarms would have to name.
    """
    out = EphemeralMetrics(namespace=NAMESPACE)
    out.service = ""
    for name, value in dimensions.items():
        out.add_dimension(name, value)
    for metric in found:
        out.add_metric(metric.name, metric.unit, metric.value)
    out.flush_metrics()
