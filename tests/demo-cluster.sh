#!/usr/bin/env bash
# A cluster of three agents at work for a minute, with short periods, on this machine alone: a MariaDB
# server of its own, a CloudWatch double, and three hosts' memory out of files. The leader is killed,
# the next one frozen and woken again.
set -euo pipefail
cd "$(dirname "$0")/.."

cwmem=${CWMEM:-target/release/cwmem}
folder=$(mktemp -d)
declare -A agents=()
double= server=
# What has ended by itself cannot be killed: that is no failure of the demo.
clean() {
    set +e
    kill -CONT ${agents[@]} 2>/dev/null
    kill ${agents[@]} $double $server 2>/dev/null
    wait 2>/dev/null
    rm -rf "$folder"
}
trap clean EXIT

fail() { echo "demo-cluster: $*" >&2; tail -n 20 "$folder"/*.log >&2; exit 1; }

# Until the command succeeds, for so many seconds.
await() {
    local seconds=$1 what=$2; shift 2
    for _ in $(seq $((seconds * 10))); do
        "$@" && return
        sleep 0.1
    done
    fail "$what doesn't come within $seconds s"
}

sql() { mariadb --no-defaults -N -B -u root --socket="$folder/socket" -e "$1" 2>/dev/null; }
leader() { sql 'SELECT leader FROM cwmem.cwmem_cluster'; }

start_double() {
    "${DOUBLE:-target/debug/examples/cloudwatch-double}" --listen 127.0.0.1:0 --period 4s > "$folder/double.log" 2>&1 &
    double=$!
    await 10 "the double" grep -q '^listening on' "$folder/double.log"
    url=$(sed -n 's/^listening on \([^ ]*\).*/\1/p' "$folder/double.log")
}

install() {
    rm -rf "$folder/data"
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$folder/data" --skip-test-db --force \
        --auth-root-authentication-method=normal --innodb-use-native-aio=0 > "$folder/install.log" 2>&1
}

start_server() {
    # Several at once were seen to fail on a busy machine.
    install || install || install || fail "mariadb-install-db fails"
    cat > "$folder/init.sql" <<END_OF_SQL
CREATE DATABASE cwmem;
CREATE USER cwmem@'%' IDENTIFIED BY 'secret-word';
GRANT ALL ON cwmem.* TO cwmem@'%';
END_OF_SQL
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mariadbd --no-defaults --user="$(id -un)" --skip-name-resolve --bind-address=127.0.0.1 --port="$port" \
        --datadir="$folder/data" --socket="$folder/socket" --pid-file="$folder/pid" \
        --init-file="$folder/init.sql" --innodb-buffer-pool-size=16M --innodb-log-file-size=8M \
        --skip-log-bin --innodb-use-native-aio=0 > "$folder/server.log" 2>&1 &
    server=$!
    await 30 "the server" sql 'SELECT 1' > "$folder/server-started"
    echo secret-word > "$folder/password"
}

# Name, memory in kB, and of that what is available.
start_agent() {
    local host="$folder/$1"
    mkdir -p "$host/proc/pressure"
    printf 'MemTotal: %s kB\nMemFree: 1 kB\nMemAvailable: %s kB\n' "$2" "$3" > "$host/proc/meminfo"
    printf 'some avg10=0 total=0\nfull avg10=0 total=0\n' > "$host/proc/pressure/memory"
    echo 'oom_kill 0' > "$host/proc/vmstat"
    cat > "$host/cwmem.toml" <<END_OF_TOML
publish = { period = "4s", every = "4s" }
sample.proc_root = "$host/proc"
pressure.available_below = "0%"
identity = { host = "$1", ec2 = false }
state = { directory = "$host/state", runtime_directory = "$host/run" }
cloudwatch = { region = "us-east-1", endpoint_url = "$url" }
[cluster]
name = "web"
database = "mysql://cwmem@127.0.0.1:$port/cwmem"
password_file = "$folder/password"
tls = "off"
missing_after = "10s"
END_OF_TOML
    if [ ! -e "$folder/initialised" ]; then
        echo '$ cwmem cluster init'
        "$cwmem" cluster init --config "$host/cwmem.toml"
        touch "$folder/initialised"
    fi
    env AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=example AWS_EC2_METADATA_DISABLED=true \
        "$cwmem" run --config "$host/cwmem.toml" > "$folder/$1.log" 2>&1 &
    agents[$1]=$!
}

show_status() {
    echo
    echo '$ cwmem cluster status'
    "$cwmem" cluster status --config "$folder/$1/cwmem.toml"
    echo
}

# Another leader than those named, who has claimed a period.
another() { leads=$(leader) && [ -n "$leads" ] && [[ " $* " != *" $leads "* ]]; }
published() { sql 'SELECT published_period FROM cwmem.cwmem_cluster'; }
one_more_after() { [ "$(published)" -gt "$1" ]; }
all_there() { [ "$(sql 'SELECT COUNT(*) FROM cwmem.cwmem_member')" = 3 ]; }

start_double
start_server
start_agent web-1 8000000 5600000
start_agent web-2 16000000 4800000
start_agent web-3 8000000 3200000
await 30 "the third member" all_there
# The first leader may have folded a period before all had spoken of it: the second one has them all.
await 20 "a summary" one_more_after "$(published)"
await 20 "a summary of all three" one_more_after "$(published)"
await 5 "a leader" another
first=$leads
show_status web-1

echo "--- $first is killed with SIGKILL ---"
kill -KILL "${agents[$first]}"
wait "${agents[$first]}" 2>/dev/null || true
unset "agents[$first]"
await 30 "another leader" another "$first"
await 20 "its second summary" one_more_after "$(published)"
second=$leads
show_status web-1

echo "--- $second is frozen with SIGSTOP ---"
kill -STOP "${agents[$second]}"
await 30 "another leader" another "$first" "$second"
await 20 "its second summary" one_more_after "$(published)"
show_status web-1
echo "--- $second wakes up again: it claims nothing any more ---"
kill -CONT "${agents[$second]}"
sleep 5
kill -TERM "${agents[@]}"
wait "${agents[@]}"
agents=()
kill -TERM "$double"
wait "$double"

echo
echo 'What the members said of it:'
grep -H 'lead' "$folder"/web-*.log | sed "s|$folder/||; s|\.log:|  |" | sort -k2
echo
echo 'The summaries that arrived at the double (SPOKEN counts how often a period was spoken for):'
# The double's columns: namespace, metric, unit, period, minimum, average, p50, p90, maximum, samples.
awk '
    function shown(value) { return value == "" ? "-" : value }
    BEGIN { format = "%-20s  %7s  %7s  %8s  %9s  %10s  %6s\n" }
    match($2, /^Cluster[A-Za-z]*/) && /{Cluster=web}/ {
        name = substr($2, RSTART, RLENGTH); period = $4
        if (!(period in seen)) { seen[period] = 1; order[++count] = period }
        most[name, period] = $9; samples[name, period] = $10
    }
    END {
        for (one = 1; one < count; one++)
            for (other = one + 1; other <= count; other++)
                if (order[other] < order[one]) { swap = order[one]; order[one] = order[other]; order[other] = swap }
        printf format, "PERIOD", "MEMBERS", "MISSING", "REPORTED", "HOTTEST %", "HEADROOM %", "SPOKEN"
        for (place = 1; place <= count; place++) {
            period = order[place]
            printf format, period, most["ClusterMembers", period], most["ClusterMembersMissing", period], \
                shown(samples["ClusterMemoryUsedPercent", period]), shown(most["ClusterMemoryUsedPercent", period]), \
                shown(most["ClusterHeadroomAfterLossPercent", period]), samples["ClusterMembers", period]
            if (samples["ClusterMembers", period] != 1) wrong = 1
        }
        exit(wrong || count < 3)
    }' "$folder/double.log" || fail "the summaries aren't as they should be"
