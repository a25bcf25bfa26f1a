# kill -9, and a process that stands still; then both once more without what protects from them.
before=$(property MainPID)
kill -KILL "$before"
check "killed, it is started again" soon 20 replaced "$before"
check "systemd counts one restart" property_is NRestarts 1

instance unwatched "WatchdogSec=0" < /dev/null
systemctl start cwmem-unwatched.service
hung=$(property MainPID cwmem-unwatched)
kill -STOP "$hung"
before=$(property MainPID)
kill -STOP "$before"
check "hung, the watchdog has it started again" soon 60 replaced "$before"
check "the journal names the watchdog" has "watchdog" journal
# It has hung for longer than the other.
check "without WatchdogSec= it hangs on" has "State:	T (stopped)" cat "/proc/$hung/status"
kill -KILL "$hung"
systemctl stop cwmem-unwatched.service

instance left "Restart=no" < /dev/null
systemctl start cwmem-left.service
kill -KILL "$(property MainPID cwmem-left)"
check "without Restart= it stays dead" soon 10 property_is ActiveState failed cwmem-left

# often UNIT: killed as soon as it runs, three times; a limit would let it start twice.
often() {
    local pid
    for _ in 1 2 3; do
        pid=$(property MainPID "$1")
        kill -KILL "$pid" 2> /dev/null || return 1
        soon 30 replaced "$pid" "$1" || return 1
    done
}
instance hurried "RestartSec=100ms" "[Unit]" "StartLimitBurst=2" < /dev/null
systemctl start cwmem-hurried.service
check "killed again and again, it comes back" often cwmem-hurried
systemctl stop cwmem-hurried.service
instance limited "RestartSec=100ms" "[Unit]" "StartLimitIntervalSec=1h" "StartLimitBurst=2" < /dev/null
systemctl start cwmem-limited.service
kill -KILL "$(property MainPID cwmem-limited)"
soon 30 property_is NRestarts 1 cwmem-limited
kill -KILL "$(property MainPID cwmem-limited)"
check "without StartLimitIntervalSec=0 it stays dead" soon 30 property_is ActiveState failed cwmem-limited
