"""Reads TOML by Python's own reader and compares it with what it was made of.

Standard input has JSON lines: name, toml, and expected, in which each value stands beside its type.
"""

import json
import struct
import sys
import tomllib
from datetime import date, datetime, timezone
from fractions import Fraction

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def typed(value):
    if isinstance(value, dict):
        return ["table", {key: typed(below) for key, below in value.items()}]
    if isinstance(value, list):
        return ["array", [typed(below) for below in value]]
    if isinstance(value, bool):
        return ["boolean", str(value).lower()]
    if isinstance(value, int):
        return ["integer", str(value)]
    if isinstance(value, float):
        return ["float", struct.pack(">d", value).hex()]
    if isinstance(value, datetime):
        since = value - EPOCH
        exact = since.days * 86400 + since.seconds + Fraction(since.microseconds, 10**6)
        return ["time", f"{exact.numerator}/{exact.denominator}"]
    if isinstance(value, date):
        return ["date", value.isoformat()]
    return ["string", value]


def main():
    wrong = count = 0
    for line in sys.stdin:
        case = json.loads(line)
        count += 1
        try:
            read = typed(tomllib.loads(case["toml"]))
        except tomllib.TOMLDecodeError as error:
            read = f"no TOML: {error}"
        if read != case["expected"]:
            wrong += 1
            print(f"{case['name']}\n{case['toml']}\nread      {read}\nexpected  {case['expected']}")
    print(f"{count} read, {wrong} wrong")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
