# Figures of the real unit, delivered to the double inside the guest. From here to the stop the same
# double takes everything: what it has is compared with what was measured.
check "the double listens" double double 8125
publishing 8125 > /etc/cwmem/conf.d/guest.toml
# A hang is to be noticed while somebody waits for it.
mkdir -p /etc/systemd/system/cwmem.service.d
cat > /etc/systemd/system/cwmem.service.d/guest.conf <<'UNIT'
[Service]
Environment=AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=example
WatchdogSec=10s
RestartSec=1s
UNIT
mkdir -p /etc/credstore
(umask 077; echo secret > /etc/credstore/cwmem.mysql-password)
systemctl daemon-reload
check "the service restarts with its configuration" systemctl restart cwmem.service
# Without the file it has started already.
password=/run/credentials/cwmem.service/cwmem.mysql-password
check "the database's password is passed on to it" is "$(cat "$password")" secret
check "figures arrive" soon 30 has "accepted" cat /run/double.log
check "the agent finds nothing amiss" soon 20 cwmem status --check
check "systemctl status says that it published" soon 20 has "published" property StatusText
echo "        STATUS: $(property StatusText)"

rm /etc/credstore/cwmem.mysql-password
check "it restarts without a password" systemctl restart cwmem.service
check "there is none then" [ ! -e "$password" ]
instance credential "LoadCredential=cwmem.mysql-password:/etc/credstore/cwmem.mysql-password" < /dev/null
check "with a path instead of a name it doesn't start" fails systemctl start cwmem-credential.service
check "as the credential is missing" property_is ExecMainStatus 243 cwmem-credential
systemctl stop cwmem-credential.service

# A host whose role may not publish.
check "a double that denies everything listens" double denying 8126 --deny-for 1h
publishing 8126 | instance denied
check "an agent without permission is ready all the same" systemctl start cwmem-denied.service
check "systemctl status names the permission" soon 30 has "cloudwatch:PutMetricData" property StatusText cwmem-denied
echo "        STATUS: $(property StatusText cwmem-denied)"
systemctl stop cwmem-denied.service denying.service
