"""Evaluates a CloudFormation template and prints its alarms as PutMetricAlarm's inputs, in JSON.

    cloudformation.py TEMPLATE [NAME=VALUE ...]

Parameters have the values given, else their defaults. Only the functions that the templates use are
known; another one is an error.
"""

import json
import re
import sys

import yaml


class Stack:
    def __init__(self, template, given):
        self.values = {}
        for name, parameter in template["Parameters"].items():
            value = given.get(name, parameter.get("Default"))
            assert value is not None, f"the parameter {name} has no value"
            is_list = parameter["Type"] == "CommaDelimitedList"
            self.values[name] = value.split(",") if is_list else value
        self.conditions = {
            name: self.value(condition) for name, condition in template["Conditions"].items()
        }

    def value(self, node):
        if isinstance(node, list):
            return [self.value(it) for it in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), = node.items()
            if name == "Ref":
                return None if argument == "AWS::NoValue" else self.values[argument]
            if name == "Fn::Sub":
                return self.substituted(argument)
            if name == "Fn::Join":
                separator, parts = argument
                return separator.join(self.value(parts))
            if name == "Fn::Equals":
                one, other = self.value(argument)
                return one == other
            if name == "Fn::Not":
                return not self.value(argument[0])
            if name == "Fn::If":
                condition, yes, no = argument
                return self.value(yes if self.conditions[condition] else no)
            assert not name.startswith("Fn::"), name
        found = {name: self.value(it) for name, it in node.items()}
        return {name: it for name, it in found.items() if it is not None}

    def substituted(self, text):
        def one(match):
            return "${" + match[1][1:] + "}" if match[1][0] == "!" else self.values[match[1]]

        return re.sub(r"\$\{([^}]*)\}", one, text)


def main():
    path, *given = sys.argv[1:]
    with open(path) as file:
        template = yaml.safe_load(file)
    stack = Stack(template, dict(pair.split("=", 1) for pair in given))
    found = {"AWS::CloudWatch::Alarm": [], "AWS::AutoScaling::ScalingPolicy": []}
    for resource in template["Resources"].values():
        found[resource["Type"]].append(stack.value(resource["Properties"]))
    alarms, policies = found.values()
    print(json.dumps({"alarms": alarms, "policies": policies}))


if __name__ == "__main__":
    main()
