#!/usr/bin/env bash
# Whether a built binary can go into a package: no larger than allowed, asking for no newer C library
# than its floor, saying nothing of the machine that it was built on.
#
#     packaging/check-binary.sh [--glibc VERSION | --static] [--size BYTES] FILE
#
# --glibc is the newest version of glibc's symbols that it may ask for; without it, it may ask for
# any. --static: it may ask for no library at all. Without --size, any is allowed.
set -euo pipefail
export LC_ALL=C

glibc='' static='' size='' binary=''
while [ $# -gt 0 ]; do
    case $1 in
        --glibc) glibc=$2; shift ;;
        --static) static=yes ;;
        --size) size=$2; shift ;;
        -*) echo "check-binary.sh: $1: no such option; see the head of this file" >&2; exit 64 ;;
        *) binary=$1 ;;
    esac
    shift
done
[ -f "$binary" ] || { echo "check-binary.sh: no binary ${binary:-was named}" >&2; exit 66; }

failed=
wrong() { echo "check-binary.sh: $binary: $*" >&2; failed=yes; }

bytes=$(stat -c %s "$binary")
[ -z "$size" ] || [ "$bytes" -le "$size" ] || wrong "has $bytes bytes; at most $size are allowed"

# Weak ones too: each version named in the file has to be there when it is loaded.
highest=$(readelf -W -V "$binary" | grep -o 'GLIBC_[0-9][0-9.]*' | sort -Vu | tail -1 | cut -d_ -f2) || true
if [ -n "$glibc" ]; then
    if [ -z "$highest" ]; then
        wrong "asks for no version of glibc: it isn't linked to it"
    elif [ "$(printf '%s\n%s\n' "$highest" "$glibc" | sort -V | tail -1)" != "$glibc" ]; then
        wrong "asks for GLIBC_$highest; GLIBC_$glibc is the highest that is allowed. By:" \
            "$(readelf -W --dyn-syms "$binary" | grep -o "[^ ]*@GLIBC_$highest\b" | sort -u | tr '\n' ' ')"
    fi
fi
# Loaded by glibc before 2.36, packed relocations would be left out without a word.
if readelf -W -d "$binary" | grep -q '(RELR)'; then
    wrong "has packed relocations (DT_RELR), which glibc knows since 2.36 only"
fi
needed=$(readelf -W -d "$binary" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')
if [ -n "$static" ] && [ -n "$needed" ]; then wrong "isn't static: it needs $needed"; fi

top=$(cd "$(dirname "$0")/.." && pwd)
toolchain=$(rustc --print sysroot 2> /dev/null || true)
for folder in "$top" "${CARGO_HOME:-$HOME/.cargo}" "$toolchain"; do
    [ -n "$folder" ] || continue
    # No matter how often: the first three say where they come from.
    found=$(grep -a -o -F -m 3 "$folder/" "$binary" | head -3) || true
    [ -z "$found" ] || wrong "has the path $folder of this machine in it"
done

[ -z "$failed" ] || exit 1
echo "$binary: $bytes bytes, glibc ${highest:-none}, needs ${needed:-nothing}"
