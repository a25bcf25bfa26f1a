#!/usr/bin/env bash
# Runs the aarch64 binary of packaging/portable.sh here, under QEMU's user emulation: every captured
# host through `once --dry-run --json`, compared with what this machine's own binary makes of it, then
# the parsers' own tests, built for aarch64 without optimisation.
#
#     packaging/emulated.sh NATIVE-CWMEM
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
native=${1:?the path of a cwmem for this machine}
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
emulated=(qemu-aarch64-static target/portable/aarch64/cwmem)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
    printf '[sample]\nproc_root = "%s"\n[identity]\nimds = false\ninstance_id = "i-0123456789abcdef0"\nimage_id = "ami-0123456789abcdef0"\ninstance_type = "m7g.large"\nhost = "captured"\n' "$work"
    # Every formula: the old kernels' captures have no MemAvailable.
    printf '[metrics]\npresets = ["cwagent", "mon-scripts", "telegraf", "vector", "collectd"]\n'
} > "$work/cwmem.toml"
# once OUTPUT COMMAND...: the datums, without the time of the sample, which depends on the moment.
once() {
    local output=$1
    shift
    if ! "$@" once --dry-run --json --config "$work/cwmem.toml" > "$work/said" 2> "$work/log"; then
        cat "$work/log" >&2
        exit 1
    fi
    sed -E 's/"Timestamp":"[^"]*"/"Timestamp":""/' "$work/said" > "$output"
}
captures=0 figures=0
for capture in tests/captures/meminfo/*; do
    cp "$capture" "$work/meminfo"
    once "$work/native" "$native"
    once "$work/emulated" "${emulated[@]}"
    diff "$work/native" "$work/emulated"
    # Ends the script where there is none.
    found=$(grep -c MetricName "$work/emulated")
    figures=$((figures + found))
    captures=$((captures + 1))
done
"${emulated[@]}" --version
echo "$captures captured hosts: the same $figures datums on aarch64"

target=aarch64-unknown-linux-gnu
export PATH=$top/target/venv-packaging/bin:$PATH CARGO_TARGET_DIR=$top/target/portable/build
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64-static
build=(--locked --target "$target.2.26" --lib)
if [ ! -d "$(rustc --print target-libdir --target "$target")" ]; then
    PATH=$top/target/portable/toolchain/bin:$PATH
    export RUSTC_BOOTSTRAP=1
    build+=(-Zbuild-std)
fi
cargo-zigbuild test "${build[@]}" source::
