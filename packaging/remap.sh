#!/usr/bin/env bash
# Prints the compiler's flags that keep this machine's paths out of the binary, where panics name the
# file they are in: the registry's sources and the toolchain's are the same for everybody. The
# project's own are named relative to it anyway, so that the flags, and with them what is compiled,
# don't depend on its folder.
set -euo pipefail
echo "${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
    "--remap-path-prefix=$(rustc --print sysroot)=/toolchain"
