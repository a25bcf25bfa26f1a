#!/usr/bin/env bash
# Makes a copy of the toolchain in the folder $1 that has the standard library's sources: of rustup,
# or of Debian's package rust-src of the same release, from the suites that may have it.
set -euo pipefail
toolchain=$1
[ ! -e "$toolchain/.complete" ] || exit 0
rm -rf "$toolchain"
mkdir -p "$toolchain"
sysroot=$(rustc --print sysroot)
cp -al "$sysroot/." "$toolchain" 2> /dev/null || cp -a "$sysroot/." "$toolchain"
library=$toolchain/lib/rustlib/src/rust/library
if [ ! -d "$library" ]; then
    release=$(rustc -vV | sed -n 's/^release: //p')
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    mirror=$(apt-cache policy | sed -n 's|.* \(https\?://[^ ]*/debian\) .*|\1|p' | head -1)
    for suite in trixie-backports forky sid; do
        echo "deb ${mirror:-http://deb.debian.org/debian} $suite main"
    done > "$work/sources.list"
    # Lists of its own: this machine's apt goes on knowing only its own suites.
    apt() {
        "$@" -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/nonexistent \
            -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root
    }
    # A mirror may lack one of the suites; whether another has the release shows below.
    if ! apt apt-get -q update > "$work/log" 2>&1; then echo "some suites couldn't be read" >> "$work/log"; fi
    version=$(apt apt-cache madison rust-src | awk -v begin="$release+" '!found && index($3, begin) == 1 { print $3; found = 1 }')
    if [ -z "$version" ]; then
        cat "$work/log" >&2
        echo "std-sources.sh: no Debian suite has rust-src $release:" \
            "'rustup component add rust-src' gives it where rustup's host can be reached" >&2
        exit 69
    fi
    (cd "$work" && apt apt-get -q download "rust-src=$version" > "$work/log" && dpkg-deb -x rust-src_*.deb src)
    mkdir -p "$(dirname "$library")"
    cp -r "$work"/src/usr/src/rustc-*/library "$library"
fi
touch "$toolchain/.complete"
