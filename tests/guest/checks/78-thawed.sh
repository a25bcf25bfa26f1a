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
# Each second of the recording has a sample; what of it a sample covers is for the reader.
no_second_missed() {
    cwmem history --csv --config "$settings" | awk -F, -v least="$frozen_for" '
        NR == 1 { next }
        { split($1, time, /[T:Z]/); now = time[2] * 3600 + time[3] * 60 + time[4]; seconds++; covered += $7 }
        $7 == 0 || (NR > 2 && (now - last + 86400) % 86400 != 1) { print "no sample before or in " $0; missed = 1 }
        { last = now }
        END { print seconds " seconds, covered: " covered; exit missed || seconds < least }'
}
echo "        RECORDED: $(no_second_missed)"
check "no second is missed" no_second_missed
check "no sample is lost, none counts twice" nothing_lost /run/frozen-double.log "$settings"
umount "$frozen"
