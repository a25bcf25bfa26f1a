#!/usr/bin/env bash
# Builds and packs the last commit twice, in folders of different names and with different umasks, from
# nothing, and compares every byte of what `make package` leaves. Both at once: one's linker works on one
# processor only.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=$top/target/reproducible
rm -rf "$work"
mkdir -p "$work"

# pack NAME UMASK
pack() (
    umask "$2"
    git clone -q "$top" "$work/$1"
    make -C "$work/$1" package > "$work/$1.log" 2>&1 || { tail -40 "$work/$1.log" >&2; exit 1; }
)
pack one 022 &
other=$!
pack some-other-folder 077
wait "$other"

compared=0 different=
for file in "$work"/one/target/portable/*/cwmem "$work"/one/target/package/*; do
    if cmp "$file" "$work/some-other-folder/${file#"$work/one/"}"; then
        echo "$(stat -c %s "$file") bytes, twice the same: ${file#"$work/one/"}"
    else
        different=yes
    fi
    compared=$((compared + 1))
done
[ "$compared" -ge 4 ] || { echo "reproducible.sh: only $compared files to compare" >&2; exit 1; }
[ -z "$different" ] || { echo "reproducible.sh: the same commit gave other bytes" >&2; exit 1; }
