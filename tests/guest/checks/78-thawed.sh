# The end of what 25-frozen.sh began: the disk is there again after minutes, and nothing is missing.
wait "$thaw"
during=$(($(cat /run/frozen.after) - $(cat /run/frozen.before)))
echo "        FROZEN for $frozen_for s; $during publications arrived meanwhile"
check "figures went on arriving meanwhile" [ "$during" -ge $((frozen_for / 10 - 2)) ]
rm -f "$frozen/probe"
nothing_waits() { is "$(cwmem spool list --config "$settings" 2>&1 | grep -c jsonl)" 0; }
settings=/run/instances/frozen.toml
check "the agent stops" systemctl stop cwmem-frozen.service
check "everything is delivered" has "stopped; everything is delivered" journalctl -q -o cat -u cwmem-frozen.service -n 10
systemctl stop frozen-double.service
# Each second of the recording has a sample; what of it a sample covers is for the reader. An emulated
# processor may stand still for longer than a second: then the agent whose disk is fine misses it too.
missed() {
    cwmem history --csv --config "$1" | awk -F, '
        NR == 1 { next }
        { split($1, time, /[T:Z]/); now = time[2] * 3600 + time[3] * 60 + time[4] }
        $7 == 0 { print now }
        NR > 2 { for (between = (last + 1) % 86400; between != now; between = (between + 1) % 86400) print between }
        { last = now }'
}
no_second_missed() {
    missed "$settings" > /run/missed
    missed /run/instances/witness.toml > /run/missed.witness
    local seconds
    seconds=$(($(cwmem history --csv --config "$settings" | wc -l) - 1))
    echo "$seconds seconds with a sample, $(wc -l < /run/missed) without, $(wc -l < /run/missed.witness) of the witness without"
    [ "$seconds" -ge "$frozen_for" ] && awk '
        FILENAME == ARGV[1] { for (off = -2; off <= 2; off++) starved[$1 + off]; next }
        !($1 in starved) { print "second " $1 " of the day was missed by the frozen agent alone"; alone = 1 }
        END { exit alone }' /run/missed.witness /run/missed
}
echo "        RECORDED: $(no_second_missed)"
check "no second is missed" no_second_missed
systemctl stop cwmem-witness.service
check "no sample is lost, none counts twice" nothing_lost /run/frozen-double.log "$settings"
umount "$frozen"
