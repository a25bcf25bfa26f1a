# The host is shut down: the open period leaves before the network does. The double stands at the other
# end of a cable, in a network of its own, and the unit that lays the cable stops as those of real
# networks do. Two agents, both slow to stop; only the package's says After=network.target. The other
# is slower still, as the network waits for the package's.
#
# What came of it is looked at when no service is left: systemd runs what is in its folder
# system-shutdown just before it switches the machine off.
# Nothing is left of what other doubles received.
purge
check "dpkg installs the package afresh" dpkg -i "$payload"/cwmem_*_amd64.deb
mkdir -p /etc/cwmem/conf.d /etc/systemd/system/cwmem.service.d
cat > /run/systemd/system/outside.service <<'UNIT'
[Unit]
Description=A double at the other end of a cable
[Service]
ExecStartPre=/bin/ip netns add outside
ExecStart=/bin/ip netns exec outside /usr/local/bin/cloudwatch-double --listen 0.0.0.0:8125 --period 5s
StandardOutput=file:/run/outside.log
UNIT
cat > /run/systemd/system/cable.service <<'UNIT'
[Unit]
Description=The host's network
After=outside.service
Before=network.target
Wants=network.target outside.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip link add near type veth peer name far netns outside
ExecStart=/bin/ip address add 198.51.100.1/24 dev near
ExecStart=/bin/ip link set near up
ExecStart=/bin/ip -n outside address add 198.51.100.2/24 dev far
ExecStart=/bin/ip -n outside link set far up
ExecStop=/bin/ip link delete near
UNIT
# Not on the payload's disk, which is unmounted while the double still runs, nor in /run, where nothing
# can be executed.
install -m 755 "$payload/cloudwatch-double" /usr/local/bin/cloudwatch-double
publishing 8125 | sed 's/127\.0\.0\.1/198.51.100.2/' > /etc/cwmem/conf.d/guest.toml
# A period that is still open when the host goes, and a stop that takes its time.
sed -i 's/^period = .*/period = "60s"/; s/^every = .*/every = "60s"/' /etc/cwmem/conf.d/guest.toml
printf '[Service]\nExecStop=+/bin/sleep 2\nEnvironment=AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=example\n' \
    > /etc/systemd/system/cwmem.service.d/guest.conf
sed 's/^\[cloudwatch\]/[identity]\nhost = "twin"\n&/' /etc/cwmem/conf.d/guest.toml | instance unordered "ExecStop=+/bin/sleep 8"
sed -i '/^After=network/d' /run/systemd/system/cwmem-unordered.service
systemctl daemon-reload
answers() { : 2> /dev/null < /dev/tcp/198.51.100.2/8125; }
check "the network is there" systemctl start cable.service
check "the double answers" soon 30 answers
check "two agents start" systemctl restart cwmem.service cwmem-unordered.service
check "one stops before the network does" has network.target property After
check "the other doesn't know of it" fails has network.target property After cwmem-unordered
sleep 5

mkdir -p /usr/lib/systemd/system-shutdown
cp "$payload/words.sh" /run
cat > /usr/lib/systemd/system-shutdown/guest <<'HOOK'
#!/bin/bash
exec > /dev/ttyS0 2>&1
. /run/words.sh
. /run/counts
echo "--- while the host shut down ($(at_boot) s after the start)"
unordered=/run/instances/unordered.toml
of_host() { grep "Host=$1[,}]" /run/outside.log > "/run/$1.log"; }
of_host guest
of_host twin
check "the network was gone in the end" fails ip link show near
check "the open period left before the network did" nothing_lost /run/guest.log
check "without After=network.target it didn't" fails nothing_lost /run/twin.log "$unordered"
waits() { cwmem spool list --config "$unordered" | has ".jsonl" cat; }
check "what didn't waits on the disk" waits
verdict
HOOK
chmod +x /usr/lib/systemd/system-shutdown/guest
shutting_down=yes
