# A reload that holds, and one that doesn't.
before=$(property MainPID)
printf '[metrics]\nenabled = ["MemoryUsedPercent", "MemoryStallPercent", "OomKills", "MemoryAvailable"]\n' \
    > /etc/cwmem/conf.d/metrics.toml
check "a good configuration is taken" systemctl reload cwmem.service
check "the new metric arrives in what is said" soon 20 has MemoryAvailable cwmem status --json
check "by the same process" property_is MainPID "$before"

printf '[sample]\nintervall = "1s"\n' > /etc/cwmem/conf.d/wrong.toml
check "a wrong configuration is refused" fails systemctl reload cwmem.service
check "with its line in the journal" soon 10 has "wrong.toml:2: sample.intervall" journal
check "the same process goes on" property_is MainPID "$before"
check "and samples" soon 10 sampled_within 1.5
rm /etc/cwmem/conf.d/wrong.toml
check "put right, it is taken again" systemctl reload cwmem.service
check "the service is still ready" active

# Without the check before the signal nobody who reloads learns of the mistake.
instance unchecked < /dev/null
sed -i '/^ExecReload=.*check/d' /run/systemd/system/cwmem-unchecked.service
systemctl start cwmem-unchecked.service
printf '[sample]\nintervall = "1s"\n' >> "$settings"
check "without ExecReload='s check the reload seems to go well" systemctl reload cwmem-unchecked.service
check "the running configuration stays all the same" active cwmem-unchecked
systemctl stop cwmem-unchecked.service

# A start with a wrong configuration: trying again doesn't help, so it isn't tried again.
instance wrong <<< '[sample]
intervall = "1s"'
check "with a wrong configuration it doesn't start" fails systemctl start cwmem-wrong.service
check "and says so by its exit code" property_is ExecMainStatus 78 cwmem-wrong
instance stubborn "RestartPreventExitStatus=" <<< '[sample]
intervall = "1s"'
systemctl start cwmem-stubborn.service 2> /dev/null
stubborn() { [ "$(property NRestarts cwmem-stubborn)" -ge 2 ]; }
check "without RestartPreventExitStatus= it is tried again and again" soon 30 stubborn
check "with it, it was never tried again" property_is NRestarts 0 cwmem-wrong
systemctl stop cwmem-stubborn.service
