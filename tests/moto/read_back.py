"""Reads a metric back from moto with boto3, as any CloudWatch client would, and prints JSON.

    read_back.py MOTO_URL NAMESPACE METRIC START END [NAME=VALUE ...]

START and END are seconds since the epoch. Prints {"statistics": [...], "data": {...}}: what
GetMetricStatistics says of each minute, and GetMetricData's values of every statistic.
"""

import json
import sys
from datetime import datetime, timezone

import boto3
from botocore.config import Config

STATISTICS = ["Minimum", "Maximum", "Average", "Sum", "SampleCount"]
PERIOD = 60


def main():
    url, namespace, metric, start, end, *pairs = sys.argv[1:]
    dimensions = [dict(zip(("Name", "Value"), pair.split("=", 1))) for pair in pairs]
    span = {"StartTime": utc(start), "EndTime": utc(end)}
    client = boto3.client(
        "cloudwatch",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIDTEST",
        aws_secret_access_key="secret",
        config=Config(proxies={}, retries={"max_attempts": 0}),
    )
    identity = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    points = client.get_metric_statistics(
        **identity, **span, Period=PERIOD, Statistics=STATISTICS
    )["Datapoints"]
    queries = [
        {
            "Id": statistic.lower(),
            "MetricStat": {"Metric": identity, "Period": PERIOD, "Stat": statistic},
        }
        for statistic in STATISTICS
    ]
    results = client.get_metric_data(
        **span, MetricDataQueries=queries, ScanBy="TimestampAscending"
    )["MetricDataResults"]
    points.sort(key=lambda point: point["Timestamp"])
    for point in points:
        point["Timestamp"] = int(point["Timestamp"].timestamp())
    print(
        json.dumps(
            {
                "statistics": points,
                "data": {result["Id"]: result["Values"] for result in results},
            }
        )
    )


def utc(seconds):
    return datetime.fromtimestamp(int(seconds), timezone.utc)


if __name__ == "__main__":
    main()
