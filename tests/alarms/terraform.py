"""Reads Terraform resources with python-hcl2 and prints them as PutMetricAlarm's inputs, in JSON.

    terraform.py FILE [NAME=VALUE ...]

Variables are replaced by the values given, else by their defaults. Nothing of the program under test
is used: names and shapes are the Terraform provider's own.
"""

import json
import re
import sys

import hcl2

NAMES = {
    "alarm_name": "AlarmName",
    "alarm_description": "AlarmDescription",
    "namespace": "Namespace",
    "metric_name": "MetricName",
    "unit": "Unit",
    "statistic": "Statistic",
    "extended_statistic": "ExtendedStatistic",
    "evaluate_low_sample_count_percentiles": "EvaluateLowSampleCountPercentile",
    "period": "Period",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "comparison_operator": "ComparisonOperator",
    "threshold": "Threshold",
    "treat_missing_data": "TreatMissingData",
    "alarm_actions": "AlarmActions",
    "ok_actions": "OKActions",
}


def plain(value):
    """Without the quotes that hcl2 leaves round strings and names."""
    if isinstance(value, str):
        quoted = len(value) >= 2 and value[0] == value[-1] == '"'
        return json.loads(value) if quoted else value
    if isinstance(value, list):
        return [plain(it) for it in value]
    if isinstance(value, dict):
        return {plain(key): plain(it) for key, it in value.items() if not key.startswith("__")}
    return value


def main():
    path, *given = sys.argv[1:]
    with open(path) as file:
        document = plain(hcl2.load(file))
    values = {}
    for variable in document.get("variable", []):
        for name, body in variable.items():
            values[name] = body.get("default")
    values.update(pair.split("=", 1) for pair in given)

    def filled(value):
        if isinstance(value, list):
            return [filled(it) for it in value]
        if isinstance(value, dict):
            return {key: filled(it) for key, it in value.items()}
        if not isinstance(value, str):
            return value
        whole = re.fullmatch(r"(?:\$\{)?var\.(\w+)\}?", value)
        if whole:
            return values[whole[1]]
        value = re.sub(r"(?<!\$)\$\{var\.(\w+)\}", lambda match: values[match[1]], value)
        return value.replace("$${", "${").replace("%%{", "%{")

    alarms, policies = [], []
    for resource in document.get("resource", []):
        for kind, body in resource.items():
            for properties in body.values():
                properties = filled(properties)
                if kind == "aws_autoscaling_policy":
                    policies.append(properties)
                    continue
                assert kind == "aws_cloudwatch_metric_alarm", kind
                dimensions = properties.pop("dimensions")
                alarm = {NAMES[name]: it for name, it in properties.items()}
                alarm["Dimensions"] = [
                    {"Name": name, "Value": it} for name, it in dimensions.items()
                ]
                alarms.append(alarm)
    print(json.dumps({"alarms": alarms, "policies": policies}))


if __name__ == "__main__":
    main()
