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
