# Control groups and processes: what arrives of them at the double, against what the kernel says.
# Three groups: one that holds most of its limit and in which the kernel kills, one that is slowed
# down by its limit, one without a limit and without trouble.
#
# On a slow machine the agent looks at them seldom, so that it takes a hundredth of the time at most:
# each figure is waited for.
check "the double listens" double groups-double 8128 --datums
{
    publishing 8128
    cat <<'TOML'
[cgroups]
paths = ["system.slice/holding.service", "system.slice/squeezed*", "system.slice/worker.service"]
metrics = ["CgroupUsedPercent", "CgroupStallPercent", "CgroupOomKills", "CgroupMemoryUsed"]
[processes]
of-unit = { unit = "worker.service" }
by-name = { name = "report-w*" }
TOML
} | instance groups "Nice=-10"
check "an agent that looks at groups starts" systemctl start cwmem-groups.service

# Holds so many MiB. At SIGUSR1 a child of it takes more than the group may.
cat > /run/holds.pl <<'PERL'
my ($name, $file) = @ARGV;
$0 = $name;
open my $in, "<", $file or die $!;
my $bytes = <$in> << 20;
my $memory = "x" x $bytes;
$SIG{USR1} = sub {
    my $child = fork;
    if (!$child) { my $more = 200 << 20; $more = "y" x $more; exit 0 }
    waitpid $child, 0;
};
open my $ready, ">", "$file.ready" or die $!;
sleep 1 while 1;
PERL
# Takes more and more, slower and slower as the kernel has it.
cat > /run/takes.pl <<'PERL'
my @memory;
for (1 .. 1000) { my $bytes = 256 << 10; push @memory, "x" x $bytes; }
PERL
cat > /run/systemd/system/worker.service <<'UNIT'
[Service]
ExecStart=/usr/bin/perl /run/holds.pl report-worker /run/worker
UNIT

# What the kernel says of a group and of a process.
of_group() { awk -v name="$3" '$1 == name { print $2 }' "/sys/fs/cgroup/system.slice/$1/$2"; }
in_use() {
    echo $(($(cat "/sys/fs/cgroup/system.slice/$1/memory.current") - $(of_group "$1" memory.stat inactive_file)))
}
stalled() { sed -n 's/^some .*total=//p' "/sys/fs/cgroup/system.slice/$1/memory.pressure"; }
resident() { echo $(($(awk '{ print $2 }' "/proc/$(property MainPID worker)/statm") * 4096)); }
# near METRIC NAME EXPECTED MOST: the average of the last one that arrived is within MOST of it.
near() {
    rows /run/groups-double.log "$1" "$2" | awk -v expected="$3" -v most="$4" '
        { found = $2 - expected <= most && expected - $2 <= most; last = $2 }
        END { print "last: " last "; expected: " expected; exit !found }'
}
none_of() { is "$(rows /run/groups-double.log "$@")" ""; }
group() { echo "Cgroup=system.slice/$1.service"; }

echo 48 > /run/holding
echo 20 > /run/worker
systemd-run --quiet --unit=holding -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue \
    perl /run/holds.pl holding /run/holding
systemctl start worker.service
check "a group holds most of what it may" soon 20 [ -e /run/holding.ready ]
check "a process holds some" soon 20 [ -e /run/worker.ready ]
used=$(in_use holding.service) worker=$(resident)
percent=$(awk -v used="$used" 'BEGIN { print 100 * used / (64 * 1024 * 1024) }')
check "the share of the limit is the kernel's" soon 90 near CgroupUsedPercent "$(group holding)" "$percent" 1
check "so is what is used" near CgroupMemoryUsed "$(group holding)" "$used" 600000
for process in of-unit by-name; do
    check "$process: the process's memory is the kernel's" near ProcessResidentMemory "Process=$process" "$worker" 600000
    check "$process: it is one process" soon 30 near ProcessCount "Process=$process" 1 0
done
systemctl kill --signal=USR1 --kill-whom=main holding.service
one_kill() { is "$(of_group holding.service memory.events oom_kill)" 1; }
check "the kernel kills in a group" soon 30 one_kill
check "the group lives on" active holding
rm /run/worker.ready
echo 60 > /run/worker
check "the process is another one now" systemctl restart worker.service
check "and holds more" soon 20 [ -e /run/worker.ready ]
grown=$(resident)
for process in of-unit by-name; do
    check "$process: the new process's memory is the kernel's" soon 90 near ProcessResidentMemory "Process=$process" "$grown" 600000
    check "$process: it is one process" soon 30 near ProcessCount "Process=$process" 1 0
done
oom_kills() {
    is "$(rows /run/groups-double.log CgroupOomKills "$(group holding)" | awk '{ sum += $2 * $4 } END { print sum + 0 }')" 1
}
check "one OOM kill arrived as one" soon 30 oom_kills
arrived() { rows /run/groups-double.log "$@" | grep -q .; }

# Pressure last: under it the agent samples faster, and everything is slow.
systemd-run --quiet --unit=squeezed -p MemoryHigh=16M -p MemoryMax=64M -p MemorySwapMax=0 perl /run/takes.pl
stall_from=$(stalled squeezed.service) stall_at=$(at_boot)
check "pressure arrives" soon 90 arrived CgroupStallPercent "$(group squeezed)"
stall=$(awk -v from="$stall_from" -v to="$(stalled squeezed.service)" -v began="$stall_at" -v now="$(at_boot)" \
    'BEGIN { print (to - from) / 1e4 / (now - began) }')
check "and is the kernel's" soon 90 near CgroupStallPercent "$(group squeezed)" "$stall" 15
check "it is real" awk -v stall="$stall" 'BEGIN { exit !(stall > 20) }'
systemctl kill --signal=KILL squeezed.service
echo "        KERNEL: $percent % of the limit used, $stall % of the time stalled, resident $worker and then $grown bytes"
check "a group without a limit has no share of it" none_of CgroupUsedPercent "$(group worker)"
check "but its use" arrived CgroupMemoryUsed "$(group worker)"
check "a group without trouble has no stall" none_of CgroupStallPercent "$(group worker)"
check "and no kill" none_of CgroupOomKills "$(group worker)"
check "the agent stops" systemctl stop cwmem-groups.service
systemctl stop groups-double.service holding.service worker.service
