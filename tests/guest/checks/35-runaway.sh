# Memory beyond what the unit may have: the limit is put below what the agent needs, so that it is the
# agent itself that the kernel kills, in its own group. (A process of the same sandbox that grows, with
# and without the limit, is among the probes of 85-sandbox.sh.)
before=$(property MainPID)
kills() { awk '$1 == "oom_kill" { print $2 }' /proc/vmstat; }
killed=$(kills)
restarts=$(property NRestarts)
limit() { systemctl set-property --runtime cwmem.service "MemoryMax=$1"; }
limit 1M
check "beyond MemoryMax= the kernel kills it" soon 30 has "oom-kill" journal -n 30
check "and nothing but it" [ "$(kills)" -gt "$killed" ]
more_restarts() { [ "$(property NRestarts)" -gt "$restarts" ]; }
check "systemd starts it again" soon 30 more_restarts
limit 96M
check "with its limit as shipped it comes back" soon 30 replaced "$before"
check "and samples" soon 20 sampled_within 1.5
check "the limit is the shipped one" property_is MemoryMax 100663296
