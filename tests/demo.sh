#!/usr/bin/env bash
# The agent at work for half a minute, with short periods, against a CloudWatch double on this
# machine: nothing leaves it.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
agent= double=
# What has ended by itself cannot be killed: that is no failure of the demo.
trap 'set +e; kill $agent $double 2>/dev/null; wait; rm -rf "$folder"' EXIT

cat > "$folder/cwmem.toml" <<END
[publish]
period = "5s"
every = "10s"
[metrics]
enabled = ["MemoryUsedPercent", "SwapUsedPercent", "MemoryStallPercent", "OomKills", "MemoryAvailable"]
dimensions = [["Host"]]
[identity]
ec2 = false
[state]
directory = "$folder/state"
runtime_directory = "$folder/run"
[cloudwatch]
region = "us-east-1"
END

target/debug/examples/cloudwatch-double --listen 127.0.0.1:0 > "$folder/double" 2>&1 &
double=$!
for _ in $(seq 100); do
    url=$(sed -n 's/^listening on \([^ ]*\).*/\1/p' "$folder/double")
    [ -n "$url" ] && break
    sleep 0.1
done
[ -n "$url" ] || { cat "$folder/double"; exit 1; }
printf 'endpoint_url = "%s"\n' "$url" >> "$folder/cwmem.toml"

echo "\$ cwmem once --dry-run"
target/release/cwmem once --dry-run --config "$folder/cwmem.toml"
echo
echo "\$ cwmem run   # for half a minute, against $url"
env AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=example AWS_EC2_METADATA_DISABLED=true \
    target/release/cwmem run --config "$folder/cwmem.toml" &
agent=$!
sleep "${DEMO_SECONDS:-30}"
kill -TERM "$agent"
wait "$agent"
kill -TERM "$double"
wait "$double"
echo
echo "What arrived at the double:"
cat "$folder/double"
echo
echo "\$ cwmem history --since 1m   # what the flight recorder kept"
target/release/cwmem history --since 1m --config "$folder/cwmem.toml"
grep -q ' accepted ' "$folder/double"
