#!/usr/bin/env bash
# Builds the binary for hosts other than this one: with symbols of glibc 2.26 at most (Amazon Linux 2,
# Debian 10, RHEL 8 and later), or static with musl; then checks the file.
#
#     packaging/portable.sh x86_64|aarch64|x86_64-musl|aarch64-musl
#
# The result is target/portable/KIND/cwmem. Zig, from PyPI, links against the old symbols and compiles
# ring's C. Where the toolchain has no standard library for the target, it is built from Debian's
# rust-src of the same release, with a copy of the toolchain: the same sources that the official one
# is built from, but not the same build.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"

kind=${1:?x86_64, aarch64, x86_64-musl or aarch64-musl}
case $kind in
    x86_64 | aarch64) target=$kind-unknown-linux-gnu floor=.2.26 ;;
    x86_64-musl | aarch64-musl) target=${kind%-musl}-unknown-linux-musl floor= ;;
    *) echo "portable.sh: $kind: no such kind; see the head of this file" >&2; exit 64 ;;
esac
tools=$top/target/venv-packaging/bin
[ -x "$tools/cargo-zigbuild" ] || { echo "portable.sh: make portable-$kind installs what it needs" >&2; exit 69; }
export PATH=$tools:$PATH CARGO_TARGET_DIR=$top/target/portable/build

build=(--locked --release --bin cwmem --target "$target$floor")
flags=$("$top/packaging/remap.sh")
# Zig brings musl's start files along.
case $kind in *-musl) flags="$flags -Clink-self-contained=no" ;; esac
if [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    RUSTFLAGS=$flags cargo zigbuild "${build[@]}"
else
    toolchain=$top/target/portable/toolchain
    "$top/packaging/std-sources.sh" "$toolchain"
    # -Zbuild-std is for nightlies; a released compiler does it when told that it is building itself.
    PATH=$toolchain/bin:$PATH RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS="$flags --remap-path-prefix=$toolchain/lib/rustlib/src/rust=/rust" \
        cargo zigbuild "${build[@]}" -Zbuild-std=std,panic_abort
fi

mkdir -p "target/portable/$kind"
cp "$CARGO_TARGET_DIR/$target/release/cwmem" "target/portable/$kind/cwmem"
case $kind in
    *-musl) packaging/check-binary.sh --static "target/portable/$kind/cwmem" ;;
    *) packaging/check-binary.sh --glibc "${floor#.}" --size 6291456 "target/portable/$kind/cwmem" ;;
esac
