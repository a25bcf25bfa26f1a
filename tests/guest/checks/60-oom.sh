# A real OOM kill in a control group with a limit: the host's figures have it.
kills() { awk '$1 == "oom_kill" { print $2 }' /proc/vmstat; }
before=$(kills)
check "the guest has the memory controller" has memory cat /sys/fs/cgroup/cgroup.controllers
systemd-run --quiet --wait --unit=glutton -p MemoryMax=40M -p MemorySwapMax=0 \
    perl -e 'my $bytes = 200 << 20; my $memory = "x" x $bytes; print length $memory' 2> /dev/null
check "the kernel killed in it" [ "$(kills)" -gt "$before" ]
recorded() {
    cwmem history --since 2m --csv | awk -F, 'NR > 1 { kills += $6 } END { print kills; exit !(kills >= 1) }'
}
check "the flight recorder has the kill" soon 15 recorded
