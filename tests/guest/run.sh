#!/usr/bin/env bash
# Boots a Debian with a real systemd in QEMU and runs the checks of tests/guest/checks in it, on the
# packages in a folder.
#
#     tests/guest/run.sh --packages FOLDER --double FILE [--suite SUITE] [CHECK...]
#
# CHECK is the beginning of a check's name, such as 50; install always runs. The guest has no network
# and needs no right on this machine. No hardware virtualisation is used: it would not be there on
# most machines that run tests, and where it is there a stock kernel may not boot on it. Ends with 0 if
# every check held.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# On a machine that is busy otherwise a guest takes several times as long as on an idle one.
deadline=${CWMEM_GUEST_DEADLINE:-1200}
# So many seconds the disk of an agent's state stands still.
frozen=${CWMEM_GUEST_FROZEN:-120}

suite=bookworm packages=$top/target/package double=$top/target/debug/examples/cloudwatch-double
while [ $# -gt 0 ]; do
    case $1 in
        --suite) suite=$2; shift ;;
        --packages) packages=$2; shift ;;
        --double) double=$2; shift ;;
        -*) echo "run.sh: $1: no such option; see the head of this file" >&2; exit 64 ;;
        *) break ;;
    esac
    shift
done
for program in qemu-system-x86_64 mkfs.ext4; do
    command -v "$program" > /dev/null && continue
    echo "run.sh: $program is missing, so nothing was checked: install the Debian packages of tests/guest/apt.txt" >&2
    exit 69
done
for file in "$packages"/cwmem_*_amd64.deb "$packages"/cwmem-*.x86_64.rpm "$double"; do
    [ -f "$file" ] && continue
    echo "run.sh: $file is missing, so nothing was checked: make package, and cargo build --example" \
        "cloudwatch-double, on an x86_64 machine, as the guest is one" >&2
    exit 66
done
image=$("$here/image.sh" "$suite")

work=$(mktemp -d "$top/target/guest/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/payload"
cp -r "$here/checks.sh" "$here/words.sh" "$here/checks" "$packages"/cwmem_*_amd64.deb "$packages"/cwmem-*.x86_64.rpm "$work/payload"
cp -r "$top/systemd" "$work/payload/systemd"
cp "$top/packaging/aws/user-data.sh" "$work/payload"
install -m 755 "$double" "$work/payload/cloudwatch-double"
echo "$*" > "$work/payload/wanted"
echo "$frozen" > "$work/payload/frozen"
mkfs.ext4 -q -F -d "$work/payload" "$work/payload.ext4" 160M > /dev/null

began=$(date +%s)
# What the guest writes to its disk is forgotten with it, so nothing of it is flushed: this machine's
# disk may be slow. Its memory is small, so that a spike is soon made. What an older processor lacks,
# and what a kernel does against the faults of newer ones, would only be slow where it is emulated. On a
# busy machine the emulated timer may be late for the test that a kernel makes of it at its start, and
# a processor that waits for its turn isn't locked up. Code that lies at the same addresses in each
# process is translated once (norandmaps), and who starts units waits for the kernel's grace periods
# (rcu_expedited): both together save a tenth of the time.
TMPDIR=$work timeout "$deadline" qemu-system-x86_64 \
    -M q35 -accel tcg,thread=multi -cpu Nehalem -smp 2 -m 768 -nodefaults -no-reboot -display none \
    -serial stdio -net none \
    -kernel "$image/vmlinuz" -initrd "$image/initrd" \
    -append "root=/dev/vda rw console=ttyS0 panic=-1 quiet loglevel=1 systemd.show_status=0 psi=1 mitigations=off no_timer_check nowatchdog norandmaps rcupdate.rcu_expedited=1" \
    -drive "file=$image/root.ext4,format=raw,if=virtio,snapshot=on,cache=unsafe" \
    -drive "file=$work/payload.ext4,format=raw,if=virtio,readonly=on" \
    < /dev/null | sed -u 's|\r||g' | tee "$work/console" || true
echo "the guest ran for $(($(date +%s) - began)) s"

# The machine's own status says nothing of what went on in it.
verdict=$(sed -n 's/^GUEST-EXIT \([0-9]*\)$/\1/p' "$work/console")
if [ -z "$verdict" ]; then
    echo "run.sh: the guest came to no verdict within $deadline s (CWMEM_GUEST_DEADLINE)" >&2
    exit 1
fi
exit "$verdict"
