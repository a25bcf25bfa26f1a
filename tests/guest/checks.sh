# What the guest runs, as root: each file of checks in the order of their names. Prints a line a
# check and, at the end, how it went.
set -uo pipefail
export LC_ALL=C SYSTEMD_PAGER='' SYSTEMD_COLORS=0 HOME=/root
failed=0 held=0
payload=/mnt

# check WORDS COMMAND...: one thing that has to hold. What the command says is shown if it doesn't.
check() {
    local words=$1 said began
    shift
    began=$SECONDS
    if said=$("$@" 2>&1); then
        held=$((held + 1))
        echo "ok      $words$(took "$began")"
    else
        failed=$((failed + 1))
        echo "FAILED  $words$(took "$began")"
        sed 's/^/        | /' <<< "$said"
    fi
}

# soon SECONDS COMMAND...: tries until it holds; fails with what it said last.
soon() {
    local deadline=$((SECONDS + $1)) said
    shift
    until said=$("$@" 2>&1); do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "not within the time: $*"
            echo "$said"
            return 1
        fi
        sleep 0.2
    done
}

# is LEFT RIGHT: the same text.
is() { [ "$1" = "$2" ] || { echo "found \"$1\", expected \"$2\""; return 1; }; }

# fails COMMAND...: its failure is what is wanted.
fails() { if "$@"; then echo "it went well: $*"; return 1; fi; }

# has TEXT COMMAND...: the text is in what it prints.
has() {
    local text=$1 said
    shift
    said=$("$@" 2>&1)
    case $said in *"$text"*) ;; *) echo "no \"$text\" in:"; echo "$said"; return 1 ;; esac
}

# A property of the unit, as systemd has it.
property() { systemctl show -P "$1" cwmem.service; }
property_is() { is "$(property "$1")" "$2"; }
active() { property_is ActiveState active; }
journal() { journalctl -q -o cat -u cwmem.service "$@"; }

# The process is another one than $1, and ready: asked for in one question, as one may be true just
# before the other.
replaced() {
    local said pid
    said=$(systemctl show -p ActiveState -p MainPID cwmem.service)
    pid=$(sed -n 's/^MainPID=//p' <<< "$said")
    [[ $said == *ActiveState=active* && $pid != 0 && $pid != "$1" ]]
}

# sampled_within SECONDS: the last sample is no older.
sampled_within() {
    cwmem status --json | sed -n 's/.*"sample":{"last":{[^}]*"seconds_ago":\([0-9.]*\).*/\1/p' \
        | awk -v most="$1" '{ found = 1; exit !($1 <= most) } END { if (!found) exit 1 }'
}

# Seconds since the guest's start, for the reader.
at_boot() { cut -d' ' -f1 /proc/uptime; }
# took SECONDS: how long ago that was, where it is worth a word.
took() { [ "$SECONDS" -le "$1" ] || echo "  ($((SECONDS - $1)) s)"; }

wanted=$(cat "$payload/wanted")
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
    echo "--- the agent's journal"
    journalctl -q -o short-monotonic --no-hostname -u cwmem.service | tail -n 60
fi
echo "--- $held checks held, $failed failed ($(at_boot) s after the start)"
echo "GUEST-EXIT $([ "$failed" = 0 ] && echo 0 || echo 1)"
