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
seconds() { cwmem history --csv --config "$settings" | awk -F, 'NR > 1 { if ($7 < 1) print }'; }
no_second_missed() {
    cwmem history --csv --config "$settings" | awk -F, -v least="$frozen_for" '
        NR == 1 { next }
        # The first and the last may be begun and broken off.
        short { print "not covered: " short; missed = 1; short = "" }
        { split($1, time, /[T:Z]/); now = time[2] * 3600 + time[3] * 60 + time[4] }
        NR > 2 && (now - last + 86400) % 86400 != 1 { print "nothing before " $0; missed = 1 }
        NR > 2 && $7 < 1 { short = $0 }
        { last = now; seconds++ }
        END { print seconds " seconds"; exit missed || seconds < least }'
}
check "no second is missed" no_second_missed
check "no sample is lost, none counts twice" nothing_lost /run/frozen-double.log "$settings"
umount "$frozen"
