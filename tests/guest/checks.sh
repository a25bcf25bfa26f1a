# What the guest runs, as root: each file of checks in the order of their names. Prints a line a
# check and, at the end, how it went.
set -uo pipefail
# shellcheck source=tests/guest/words.sh
. /mnt/words.sh

wanted=$(cat "$payload/wanted")
# Set where the last checks run while the guest shuts down: the verdict is theirs then.
shutting_down=
for file in "$payload"/checks/*.sh; do
    name=$(basename "$file" .sh)
    chosen=$([ -z "$wanted" ] && echo yes)
    for prefix in 10 $wanted; do
        case $name in "$prefix"*) chosen=yes ;; esac
    done
    [ -n "$chosen" ] || continue
    echo "--- $name ($(at_boot) s after the start)"
    # shellcheck disable=SC1090
    . "$file"
done

if [ "$failed" != 0 ]; then
    echo "--- the agents' journal"
    journalctl -q -o short-monotonic --no-hostname -u 'cwmem*.service' | tail -n 80
fi
if [ -z "$shutting_down" ]; then
    verdict
else
    printf 'held=%s failed=%s\n' "$held" "$failed" > /run/counts
fi
