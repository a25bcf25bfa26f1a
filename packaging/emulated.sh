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
    printf '[sample]\nproc_root = "%s"\n[identity]\nec2 = false\nhost = "captured"\n' "$work"
    # Every formula: the old kernels' captures have no MemAvailable.
    printf '[metrics]\npresets = ["cwagent", "mon-scripts", "telegraf", "vector", "collectd"]\n'
} > "$work/cwmem.toml"
# once OUTPUT COMMAND...: the datums, without the time of the sample, which depends on the moment, and the
# exit code: some captures have nothing to publish, which is 1.
once() {
    local output=$1 status=0
    shift
    "$@" once --dry-run --json --config "$work/cwmem.toml" > "$work/said" 2> "$work/log" || status=$?
    sed -E 's/"Timestamp":"[^"]*"/"Timestamp":""/' "$work/said" > "$output"
    echo "exit $status" >> "$output"
    if [ "$status" -gt 1 ]; then
        cat "$work/log" >&2
        exit 1
    fi
}
captures=0 figures=0
for capture in tests/captures/meminfo/*; do
    cp "$capture" "$work/meminfo"
    once "$work/native" "$native"
    once "$work/emulated" "${emulated[@]}"
    diff "$work/native" "$work/emulated"
    captures=$((captures + 1))
    figures=$((figures + $(grep -c MetricName "$work/emulated" || true)))
done
[ "$figures" -ge "$captures" ] || { echo "emulated.sh: only $figures figures of $captures captures" >&2; exit 1; }
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
