#!/usr/bin/env python3
"""Builds the tests and runs their programs two at a time, the longest first.

`cargo test` runs one after the other, and most tests wait more than they work. A program's output
is printed when it has ended, that of those that failed once more at the end. Programs that measure
what a machine does while nothing else happens run last, alone.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

LANES = 2
# By what they took; the others are short.
LONGEST_FIRST = ["cluster", "delivery", "outage", "named_lock", "service", "lock", "speaking", "simulation"]
ALONE = ["footprint"]


def main():
    programs = built()
    ranks = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    together = sorted(programs.keys() - set(ALONE), key=lambda name: (ranks.get(name, len(ranks)), name))
    begin = time.monotonic()
    with ThreadPoolExecutor(LANES) as lanes:
        failures = [text for text in lanes.map(lambda name: run(name, programs[name]), together) if text]
    failures += [text for text in (run(name, programs[name]) for name in ALONE) if text]
    documentation = subprocess.run([cargo(), "test", "--locked", "--doc"]).returncode
    print(f"{len(programs)} test programs took {time.monotonic() - begin:.0f} s together")
    for text in failures:
        print(text)
    sys.exit(1 if failures or documentation else 0)


def built():
    """The test programs by name."""
    build = [cargo(), "test", "--locked", "--no-run", "--message-format=json-render-diagnostics"]
    finished = subprocess.run(build, stdout=subprocess.PIPE, text=True)
    if finished.returncode:
        sys.exit(finished.returncode)
    programs = {}
    for line in finished.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            target = message["target"]
            kind = "" if target["kind"] == ["test"] else f" ({target['kind'][0]})"
            programs[target["name"] + kind] = message["executable"]
    missing = set(LONGEST_FIRST + ALONE) - programs.keys()
    if missing:
        sys.exit(f"{sys.argv[0]}: there are no test programs {', '.join(sorted(missing))}: its lists are to be mended")
    return programs


def run(name, program):
    """What it printed, if it failed."""
    begin = time.monotonic()
    # Cargo says so too.
    environment = dict(os.environ, CARGO_MANIFEST_DIR=os.getcwd())
    finished = subprocess.run([program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    text = f"\n=== {name}, {time.monotonic() - begin:.0f} s\n{finished.stdout}"
    if finished.returncode:
        text += f"=== {name} failed with status {finished.returncode}\n"
    print(text, flush=True)
    return text if finished.returncode else None


def cargo():
    return os.environ.get("CARGO", "cargo")


main()
