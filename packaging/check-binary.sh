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
command -v readelf > /dev/null || { echo "check-binary.sh: readelf is missing: install binutils" >&2; exit 69; }
[ -f "$binary" ] || { echo "check-binary.sh: no binary ${binary:-was named}" >&2; exit 66; }

failed=
wrong() { echo "check-binary.sh: $binary: $*" >&2; failed=yes; }

bytes=$(stat -c %s "$binary")
[ -z "$size" ] || [ "$bytes" -le "$size" ] || wrong "has $bytes bytes; at most $size are allowed"

# Weak ones too: each version named in the file has to be there when it is loaded.
versions=$(readelf -W -V "$binary")
highest=$(sed -n 's/.*Name: GLIBC_\([0-9][0-9.]*\).*/\1/p' <<< "$versions" | sort -Vu | tail -1)
if [ -n "$glibc" ]; then
    if [ -z "$highest" ]; then
        wrong "asks for no version of glibc: it isn't linked to it"
    elif [ "$(printf '%s\n%s\n' "$highest" "$glibc" | sort -V | tail -1)" != "$glibc" ]; then
        wrong "asks for GLIBC_$highest; GLIBC_$glibc is the highest that is allowed. By:" \
            "$(readelf -W --dyn-syms "$binary" | grep -o "[^ ]*@GLIBC_$highest\b" | sort -u | tr '\n' ' ')"
    fi
fi
# Loaded by glibc before 2.36, packed relocations would be left out without a word.
dynamic=$(readelf -W -d "$binary")
if grep -q '(RELR)' <<< "$dynamic"; then
    wrong "has packed relocations (DT_RELR), which glibc knows since 2.36 only"
fi
needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<< "$dynamic" | tr '\n' ' ')
if [ -n "$static" ] && [ -n "$needed" ]; then wrong "isn't static: it needs $needed"; fi

top=$(cd "$(dirname "$0")/.." && pwd)
# Where there is no compiler, none of its folders can have come in here.
toolchain=''
if command -v rustc > /dev/null; then toolchain=$(rustc --print sysroot); fi
for folder in "$top" "${CARGO_HOME:-$HOME/.cargo}" "$toolchain"; do
    [ -n "$folder" ] || continue
    if grep -a -q -F "$folder/" "$binary"; then wrong "has the path $folder of this machine in it"; fi
done

[ -z "$failed" ] || exit 1
echo "$binary: $bytes bytes, glibc ${highest:-none}, needs ${needed:-nothing}"
