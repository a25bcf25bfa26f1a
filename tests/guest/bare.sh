#!/usr/bin/env bash
# Installs the .deb with apt on the root file system of a bare Debian, as debootstrap's minbase makes
# it, and has it sample at once. Nothing is booted.
#
#     tests/guest/bare.sh [--packages FOLDER] [SUITE...]      bookworm and trixie unless named
#
# Needs root. The file system and what apt needs from the mirror are fetched once and kept in
# target/guest/bare-SUITE-HASH.tar.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

packages=$top/target/package
if [ "${1:-}" = --packages ]; then
    packages=$2
    shift 2
fi
[ $# -gt 0 ] || set -- bookworm trixie
if [ "$(id -u)" != 0 ]; then
    echo "a root file system can be made by root only: sudo tests/guest/bare.sh" >&2
    exit 77
fi
for program in mmdebstrap unshare; do
    command -v "$program" > /dev/null && continue
    echo "$program is missing, so nothing was checked: install the Debian packages of tests/guest/apt.txt" >&2
    exit 69
done
deb=$(echo "$packages"/cwmem_*_amd64.deb)
[ -f "$deb" ] || { echo "bare.sh: $deb is missing: make package" >&2; exit 66; }
needs=$(dpkg-deb -f "$deb" Depends | sed 's/([^)]*)//g; s/,//g')
hash=$(cat "$here/bare.sh" - <<< "$needs" | sha256sum | cut -c1-12)

# The file system, and in its cache what the package depends on.
fetch() {
    local suite=$1 tar=$2
    mkdir -p "$top/target/guest"
    # shellcheck disable=SC2016 # $1 is the hook's own
    mmdebstrap --quiet --variant=minbase --mode=root --format=tar --dpkgopt=force-unsafe-io \
        --aptopt='Acquire::Languages "none"' --skip=cleanup/apt \
        --customize-hook="chroot \"\$1\" apt-get install -qq --download-only --no-install-recommends $needs" \
        "$suite" "$tar.new" "$mirror" >&2
    mv "$tar.new" "$tar"
}

for suite in "$@"; do
    tar=$top/target/guest/bare-$suite-$hash.tar
    [ -e "$tar" ] || fetch "$suite" "$tar"
    root=$(mktemp -d "$top/target/guest/bare.XXXXXX")
    trap 'rm -rf "$root"' EXIT
    tar -C "$root" --exclude='./dev/*' -xf "$tar"
    mkdir -p "$root/dev"
    cp "$deb" "$root/"
    echo "--- $suite: $(grep PRETTY_NAME "$root/etc/os-release" | cut -d'"' -f2), $(chroot "$root" dpkg-query -W | wc -l) packages"
    [ ! -e "$root/usr/bin/systemctl" ] || { echo "FAILED  it isn't bare: systemd is there"; exit 1; }
    # In mounts and processes of its own, and without a network: apt has what was fetched.
    unshare --mount --pid --net --fork -- bash -euc '
        root=$1 deb=$2
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/dev"
        mknod -m 666 "$root/dev/null" c 1 3
        mknod -m 666 "$root/dev/urandom" c 1 9
        export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root
        chroot "$root" apt-get install -qq -y --no-install-recommends \
            -o Dpkg::Use-Pty=0 "/$deb" > "$root/said" 2>&1 || { cat "$root/said"; exit 1; }
        echo "ok      apt installs it with its dependencies"
        chroot "$root" cwmem once --dry-run > "$root/said" 2>&1 || { cat "$root/said"; exit 1; }
        grep -q MemoryUsedPercent "$root/said" || { cat "$root/said"; exit 1; }
        echo "ok      cwmem once --dry-run samples at once"
        chroot "$root" cwmem check --offline > "$root/said" 2>&1 || { cat "$root/said"; exit 1; }
        echo "ok      the shipped configuration holds"
    ' bare "$root" "$(basename "$deb")"
    rm -rf "$root"
done
