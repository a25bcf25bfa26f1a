#!/usr/bin/env python3
"""Makes an AWS Systems Manager Distributor package of the packages of `make package`.

    packaging/aws/distributor.py [--packages FOLDER] [--out FOLDER]

An archive for each package, with the scripts that the SSM agent runs, and manifest.json, which says
which platform gets which. Their checksums have to be those of SHA256SUMS. The same packages give the
same bytes. Upload the folder to a bucket and make the document of it:

    aws s3 cp --recursive target/distributor s3://BUCKET/cwmem/
    aws ssm create-document --name cwmem --document-type Package --content file://target/distributor/manifest.json \\
        --attachments Key=SourceUrl,Values=s3://BUCKET/cwmem
"""

import argparse
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SCRIPTS = TOP / "packaging/aws/distributor"

# The names are Systems Manager's ("Supported package platforms and architectures"). What systemd's version rules out (Amazon Linux 2) isn't among them.
PLATFORMS = {
    "deb": {"debian": "_any", "ubuntu": "_any"},
    "rpm": {"amazon": "2023", "redhat": "_any", "centos": "_any", "oracle": "_any"},
}
ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64", "x86_64": "x86_64", "aarch64": "arm64"}
NAME = re.compile(r"cwmem[_-](?P<version>[0-9][\w.+~]*)-[0-9]+[_.](?P<architecture>\w+)\.(?P<kind>deb|rpm)")


class Problem(Exception):
    """What keeps this from being done, in words for whoever started it."""


def sums(folder):
    """The packages as SHA256SUMS lists them, if they are what it says."""
    path = folder / "SHA256SUMS"
    if not path.exists():
        raise Problem(f"{path}: expected the checksums of `make package`, found no such file")
    listed = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.fullmatch(r"([0-9a-f]{64}) [ *](\S+)", line)
        if not found or not NAME.fullmatch(found[2]):
            raise Problem(f"{path}:{number}: expected a checksum and a package's name, found {line!r}")
        package = folder / found[2]
        if not package.exists():
            raise Problem(f"{path}:{number}: {found[2]} isn't there")
        if hashlib.sha256(package.read_bytes()).hexdigest() != found[1]:
            raise Problem(f"{path}:{number}: {found[2]} has another checksum")
        listed[found[2]] = found[1]
    if not listed:
        raise Problem(f"{path}: expected packages, found none")
    return listed


def archive(path, package, checksum):
    """All times are the earliest that the format knows: nothing depends on when it was made."""
    install = (SCRIPTS / "install.sh").read_bytes()
    files = {
        "SHA256SUMS": (f"{checksum}  {package.name}\n".encode(), 0o644),
        package.name: (package.read_bytes(), 0o644),
        "install.sh": (install, 0o755),
        "uninstall.sh": ((SCRIPTS / "uninstall.sh").read_bytes(), 0o755),
        "update.sh": (install, 0o755),
    }
    with zipfile.ZipFile(path, "w") as made:
        for name, (content, mode) in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            made.writestr(entry, content)


def make(folder, out):
    """Writes the archives and the manifest; gives the manifest."""
    out.mkdir(parents=True, exist_ok=True)
    packages, files, versions = {}, {}, set()
    for name, checksum in sums(folder).items():
        parts = NAME.fullmatch(name)
        architecture = ARCHITECTURES.get(parts["architecture"])
        if not architecture:
            raise Problem(f"{name}: expected one of {', '.join(ARCHITECTURES)}, found {parts['architecture']}")
        versions.add(parts["version"])
        file = f"cwmem-{parts['version']}-{parts['kind']}-{architecture}.zip"
        archive(out / file, folder / name, checksum)
        files[file] = {"checksums": {"sha256": hashlib.sha256((out / file).read_bytes()).hexdigest()}}
        for platform, version in PLATFORMS[parts["kind"]].items():
            packages.setdefault(platform, {}).setdefault(version, {})[architecture] = {"file": file}
    if len(versions) != 1:
        raise Problem(f"expected packages of one version, found {', '.join(sorted(versions))}")
    manifest = {"schemaVersion": "2.0", "publisher": "cwmem", "version": versions.pop(), "packages": packages, "files": files}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def main():
    options = argparse.ArgumentParser(description="Makes a Systems Manager Distributor package")
    options.add_argument("--packages", type=Path, default=TOP / "target/package", help="the folder with SHA256SUMS")
    options.add_argument("--out", type=Path, default=TOP / "target/distributor", help="where the archives and the manifest go")
    given = options.parse_args()
    try:
        manifest = make(given.packages, given.out)
    except Problem as problem:
        print(f"distributor.py: {problem}", file=sys.stderr)
        return 65
    print(f"{given.out}: version {manifest['version']}, {', '.join(sorted(manifest['files']))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
