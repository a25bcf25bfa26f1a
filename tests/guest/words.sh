# The words that checks are written in.
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

# soon SECONDS COMMAND...: tries until it holds; fails with what it said last. On a machine that is
# busy otherwise everything takes longer, so it has three times as long.
soon() {
    local deadline=$((SECONDS + 3 * $1)) said
    shift
    until said=$("$@" 2>&1); do
        if [ "$SECONDS" -ge "$deadline" ]; then
            echo "not within the time: $*"
            echo "$said"
            return 1
        fi
        sleep 0.5
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

# A property of the unit, as systemd has it; of another one where a last argument names it.
property() { systemctl show -P "$1" "${2:-cwmem}.service"; }
property_is() { is "$(property "$1" "${3:-cwmem}")" "$2"; }
active() { property_is ActiveState active "${1:-cwmem}"; }
journal() { journalctl -q -o cat -u cwmem.service "$@"; }

# The package and all that is its own are gone, if they were there.
purge() { dpkg -P cwmem > /dev/null 2>&1 || true; }

# replaced PID [UNIT]: its process is another one, and ready: asked for in one question, as one may be
# true just before the other.
replaced() {
    local said pid
    said=$(systemctl show -p ActiveState -p MainPID "${2:-cwmem}.service")
    pid=$(sed -n 's/^MainPID=//p' <<< "$said")
    [[ $said == *ActiveState=active* && $pid != 0 && $pid != "$1" ]]
}

# sampled_within SECONDS: the last sample is no older.
sampled_within() {
    cwmem status --json | sed -n 's/.*"sample":{"last":{[^}]*"seconds_ago":\([0-9.]*\).*/\1/p' \
        | awk -v most="$1" '{ found = 1; exit !($1 <= most) } END { if (!found) exit 1 }'
}

# double NAME PORT [OPTION...]: a double of CloudWatch as unit NAME; what it says is in /run/NAME.log.
double() {
    local name=$1 port=$2
    shift 2
    systemd-run --quiet --unit="$name" --property="StandardOutput=file:/run/$name.log" \
        "$payload/cloudwatch-double" --listen "127.0.0.1:$port" --period 5s "$@"
    soon 20 has "listening on" cat "/run/$name.log"
}

# publishing PORT: the tables of a configuration that sends to the double there.
publishing() {
    printf '[publish]\nperiod = "5s"\nevery = "10s"\n[cloudwatch]\nregion = "us-east-1"\n'
    printf 'endpoint_url = "http://127.0.0.1:%s"\n' "$1"
}

# instance NAME [DIRECTIVE...]: one more agent beside the package's, cwmem-NAME: the shipped unit with
# folders of its own, and after its directives these. Standard input is its configuration. Sets
# $settings to where that is. To be started: a unit that systemd doesn't know yet needs no reload.
instance() {
    local name=$1
    settings=/run/instances/$name.toml
    shift
    mkdir -p /run/instances
    {
        cat
        printf '[state]\ndirectory = "/var/lib/cwmem-%s"\nruntime_directory = "/run/cwmem-%s"\n' "$name" "$name"
    } > "$settings"
    {
        sed -e '/^\[Install\]/,$d' -e "s#^\(State\|Runtime\)Directory=cwmem\$#&-$name#" \
            -e "/^NoExecPaths=/s#/cwmem\b#&-$name#g" \
            -e "s#^Exec\(Start\|Reload\)=/usr/bin/cwmem .*#& --config $settings#" \
            "$payload/systemd/cwmem.service"
        echo "Environment=AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=example"
        printf '%s\n' "RestartSec=1s" "$@"
    } > "/run/systemd/system/cwmem-$name.service"
}

# What was measured and what was received, in tenths of a second.
# measured [SETTINGS]: by the flight recorder of the package's agent, or of the one with these.
measured() {
    cwmem history --csv ${1:+--config "$1"} \
        | awk -F, 'NR > 1 { sum += $7 } END { printf "%.0f", sum * 10 }'
}
# received LOG: by the double that wrote it, at its end.
received() { awk '/^EC2\/Memory MemoryUsedPercent/ { sum += $NF } END { printf "%.0f", sum }' "$1"; }
# nothing_lost LOG [SETTINGS]
nothing_lost() {
    local measured
    measured=$(measured "${2:-}")
    [ "$measured" -gt 0 ] && is "$(received "$1") tenths of a second received" \
        "$measured tenths of a second received"
}

# rows LOG METRIC [NAME]: what a double with --datums had of a metric, a line a datum: minimum, average,
# maximum, samples. NAME is a dimension with its value.
rows() {
    awk -v metric="$2" -v name="${3:-}" '
        /^  / && index($2, metric "{") == 1 && index(substr($2, length(metric) + 1), name) {
            print $(NF - 3), $(NF - 2), $(NF - 1), $NF
        }' "$1"
}

# Seconds since the guest's start, for the reader.
at_boot() { cut -d' ' -f1 /proc/uptime; }
# took SECONDS: how long ago that was, where it is worth a word.
took() { [ "$SECONDS" -le "$1" ] || echo "  ($((SECONDS - $1)) s)"; }

# The last line, which says how it went.
verdict() {
    echo "--- $held checks held, $failed failed ($(at_boot) s after the start)"
    echo "GUEST-EXIT $([ "$failed" = 0 ] && echo 0 || echo 1)"
}
