# kill -9, and a process that stands still.
before=$(property MainPID)
kill -KILL "$before"
check "killed, it is started again" soon 20 replaced "$before"
check "systemd counts one restart" property_is NRestarts 1

before=$(property MainPID)
kill -STOP "$before"
check "hung, the watchdog has it started again" soon 60 replaced "$before"
check "the journal names the watchdog" has "watchdog" journalctl -q -o cat -u cwmem.service
