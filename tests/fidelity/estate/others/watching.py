"""Alarms, one of each flavour that we know of, and composite ones over them."""

import json

import boto3

LOAD_BALANCER = "app/orders/50dc6c495c0c9188"


def metric(name, namespace="AWS/ApplicationELB", stat="Sum", period=60, **dimensions):
    dims = [{"Name": k, "Value": v} for k, v in dimensions.items()]
    return {
        "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dims},
        "Period": period,
        "Stat": stat,
    }


ALARMS = [
    {
        "AlarmName": "elb-p99",
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "TargetResponseTime",
        "ExtendedStatistic": "p99.9",
        "Period": 60,
        "EvaluationPeriods": 10,
        "DatapointsToAlarm": 7,
        "Threshold": 1.25,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluateLowSampleCountPercentile": "ignore",
        "Dimensions": [{"Name": "LoadBalancer", "Value": LOAD_BALANCER}],
        "TreatMissingData": "notBreaching",
    },
    {
        "AlarmName": "elb-trimmed-mean",
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "TargetResponseTime",
        "ExtendedStatistic": "tm90",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0.3,
        "ComparisonOperator": "GreaterThanThreshold",
    },
    {
        "AlarmName": "fast custom metric",
        "Namespace": "Orders/Custom App",
        "MetricName": "Latency (ms)",
        "Statistic": "Maximum",
        "Period": 10,
        "EvaluationPeriods": 3,
        "Threshold": 250.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Unit": "Milliseconds",
    },
    {
        "AlarmName": "nothing happens",
        "Namespace": "Orders",
        "MetricName": "Heartbeat",
        "Statistic": "SampleCount",
        "Period": 3600,
        "EvaluationPeriods": 24,
        "Threshold": 1.0,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
        "ActionsEnabled": False,
    },
    {
        "AlarmName": "negative-threshold",
        "Namespace": "Orders",
        "MetricName": "Balance",
        "Statistic": "Minimum",
        "Period": 86400,
        "EvaluationPeriods": 1,
        "Threshold": -0.5,
        "ComparisonOperator": "LessThanOrEqualToThreshold",
        "TreatMissingData": "ignore",
    },
    {
        "AlarmName": "5xx share",
        "EvaluationPeriods": 3,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [
            {
                "Id": "e1",
                "MetricStat": metric("HTTPCode_Target_5XX_Count", LoadBalancer=LOAD_BALANCER),
                "ReturnData": False,
                "Label": "errors",
            },
            {
                "Id": "r1",
                "MetricStat": metric("RequestCount", LoadBalancer=LOAD_BALANCER),
                "ReturnData": False,
            },
            {
                "Id": "share",
                "Expression": "IF(r1 > 10, 100 * e1 / r1, 0)",
                "Label": "share of 5xx, %",
            },
        ],
    },
    {
        "AlarmName": "single metric query",
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [
            {
                "Id": "m1",
                "MetricStat": metric("Errors", "AWS/Lambda", FunctionName="x"),
                "ReturnData": True,
            }
        ],
    },
    {
        "AlarmName": "anomaly",
        "EvaluationPeriods": 2,
        "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
        "ThresholdMetricId": "ad1",
        "TreatMissingData": "missing",
        "Metrics": [
            {
                "Id": "m1",
                "MetricStat": metric(
                    "CPUUtilization", "AWS/ECS", "Average", 300, ClusterName="Orders"
                ),
                "ReturnData": True,
            },
            {
                "Id": "ad1",
                "Expression": "ANOMALY_DETECTION_BAND(m1, 2.5)",
                "Label": "expected",
                "ReturnData": True,
            },
        ],
    },
    {
        "AlarmName": "insights",
        "EvaluationPeriods": 1,
        "Threshold": 100.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [
            {
                "Id": "q1",
                "Period": 60,
                "Expression": 'SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/ECS", ServiceName)'
                " GROUP BY ServiceName",
            }
        ],
    },
]


PAGE = {
    "periodOverride": "inherit",
    "widgets": [
        {"type": "text", "width": 24, "height": 1, "properties": {"markdown": "## Orders"}},
        {
            "type": "metric",
            "properties": {
                "region": "us-east-1",
                "metrics": [
                    ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", LOAD_BALANCER],
                    [".", "HTTPCode_Target_5XX_Count", ".", ".", {"label": "${SUM} errors"}],
                ],
            },
        },
        {
            "type": "log",
            "properties": {
                "region": "eu-west-1",
                "query": "SOURCE 'orders' | fields @message | limit 20",
                "view": "table",
            },
        },
    ],
}


def run(session):
    cloudwatch = session.resource("cloudwatch")
    cloudwatch.meta.client.put_dashboard(DashboardName="Orders", DashboardBody=json.dumps(PAGE))
    for alarm in ALARMS:
        cloudwatch.meta.client.put_metric_alarm(**alarm)
    cloudwatch.meta.client.put_composite_alarm(
        AlarmName="orders is down", AlarmRule='ALARM("5xx share") AND NOT ALARM("nothing happens")'
    )


if __name__ == "__main__":
    run(boto3.Session())
