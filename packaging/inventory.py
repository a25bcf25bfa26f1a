#!/usr/bin/env python3
"""Writes what a binary is made of, by Cargo.lock: a bill of materials and the licences' texts.

    packaging/inventory.py --target TRIPLE --bill FILE --licences FILE

The bill is CycloneDX 1.6 in JSON. Listed is what is linked into the binary on that target: neither
what only tests or builds need, nor what runs in the compiler. The same Cargo.lock gives the same
bytes; the time is SOURCE_DATE_EPOCH.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import urllib.parse
import uuid

TOP = pathlib.Path(__file__).resolve().parent.parent
TEXTS = ("licen", "copying", "copyright", "notice", "unlicense")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for option in ("--target", "--bill", "--licences"):
        parser.add_argument(option, required=True)
    arguments = parser.parse_args()
    packages = linked(arguments.target)
    bill = json.dumps(bill_of(packages, arguments.target), indent=2, ensure_ascii=False)
    pathlib.Path(arguments.bill).write_text(bill + "\n", encoding="utf-8")
    pathlib.Path(arguments.licences).write_text(licences_of(packages), encoding="utf-8")


def linked(target):
    """The packages in the binary, the program first; each with what it uses of the others."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    done = subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit("inventory.py: cargo metadata failed; it says why above")
    metadata = json.loads(done.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    for identity, package in packages.items():
        used = [
            edge["pkg"]
            for edge in nodes.get(identity, {"deps": []})["deps"]
            if any(kind["kind"] is None for kind in edge["dep_kinds"])
        ]
        package["uses"] = [packages[other] for other in used if not in_the_compiler(packages[other])]
    root = packages[metadata["resolve"]["root"]]
    found, waiting = {}, [root]
    while waiting:
        package = waiting.pop()
        if package["id"] not in found:
            found[package["id"]] = package
            waiting.extend(package["uses"])
    rest = [package for package in found.values() if package is not root]
    return [root, *sorted(rest, key=lambda package: (package["name"], package["version"]))]


def in_the_compiler(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


def bill_of(packages, target):
    locked = tomllib.loads((TOP / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in locked}
    program, *libraries = packages
    names = "\n".join([target, *(reference(package) for package in packages)])
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.UTC)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, names)}",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                **component(program, "application", None),
                "properties": [{"name": "cargo:target", "value": target}],
            },
        },
        "components": [
            component(library, "library", checksums[library["name"], library["version"]])
            for library in libraries
        ],
        "dependencies": [
            {"ref": reference(package), "dependsOn": sorted(map(reference, package["uses"]))}
            for package in packages
        ],
    }


def component(package, kind, checksum):
    described = {
        "type": kind,
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "licenses": [{"expression": expression(package)}],
        "purl": reference(package),
    }
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def reference(package):
    """A package URL; what comes from no registry is a part of these sources."""
    kind = "cargo" if package["source"] else "generic"
    return f"pkg:{kind}/{package['name']}@{urllib.parse.quote(package['version'], safe='')}"


def expression(package):
    """Old manifests have a slash for OR."""
    return re.sub(r"\s*/\s*", " OR ", package["license"] or "NOASSERTION")


def licences_of(packages):
    """Each text once, under the names of all packages that have it."""
    texts, silent = {}, []
    for package in packages[1:]:
        name = f"{package['name']} {package['version']} ({expression(package)})"
        found = texts_of(package)
        if not found:
            silent.append(f"{name}, {package['repository'] or 'in these sources'}")
        for text in found:
            # Line breaks and indents differ between copies of one licence.
            same = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            texts.setdefault(same, (text, []))[1].append(name)
    parts = ["What cwmem's binary contains of others, and its licences."]
    for text, names in sorted(texts.values(), key=lambda entry: entry[1]):
        parts.append("\n".join([RULE, *sorted(set(names)), RULE, "", text.strip("\n")]))
    if silent:
        parts.append("\n".join([RULE, "Without a text of their own:", *silent]))
    return "\n\n".join(parts) + "\n"


def texts_of(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    if not package["source"]:
        return []
    files = sorted(file for file in folder.iterdir() if file.name.lower().startswith(TEXTS))
    return [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]


RULE = "-" * 78

main()
