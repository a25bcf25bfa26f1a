# Figures of the real unit, delivered to the double inside the guest. From here to the stop the same
# double takes everything: what it has is compared with what was measured.
systemd-run --quiet --unit=double --property=StandardOutput=file:/run/double.log \
    /mnt/cloudwatch-double --listen 127.0.0.1:8125
check "the double listens" soon 20 has "listening on" cat /run/double.log

cat > /etc/cwmem/conf.d/guest.toml <<'TOML'
[publish]
period = "5s"
every = "10s"
[cloudwatch]
region = "us-east-1"
endpoint_url = "http://127.0.0.1:8125"
TOML
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
check "the database's password is passed on to it" [ -s /run/credentials/cwmem.service/cwmem.mysql-password ]
rm /etc/credstore/cwmem.mysql-password
check "figures arrive" soon 30 has "accepted" cat /run/double.log
check "the agent finds nothing amiss" soon 20 cwmem status --check
check "systemctl status says that it published" soon 20 has "published" property StatusText
echo "        STATUS: $(property StatusText)"
