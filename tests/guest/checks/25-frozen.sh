# The disk under the state directory stands still for minutes, while the checks from here on run:
# 78-thawed.sh has the end of it. An agent beside the package's, with a disk of its own; and one that
# only records, to show which seconds the guest itself didn't have.
frozen_for=$(cat "$payload/frozen")
frozen=/var/lib/private/cwmem-frozen
own_disk() {
    truncate -s 64M /var/tmp/state.ext4 && mkfs.ext4 -q /var/tmp/state.ext4 \
        && mkdir -p -m 700 /var/lib/private && mkdir -p "$frozen" && mount -o loop /var/tmp/state.ext4 "$frozen"
}
accepted() { grep -c accepted /run/frozen-double.log; }
# What is written to it waits, and can't be killed.
stands_still() {
    touch "$frozen/probe" > /dev/null 2>&1 &
    sleep 1
    [ ! -e "$frozen/probe" ]
}
check "a disk of its own is mounted" own_disk
check "the double listens" double frozen-double 8127
publishing 8127 | instance frozen "Nice=-10"
instance witness "Nice=-10" < /dev/null
check "two agents start" systemctl start cwmem-frozen.service cwmem-witness.service
check "figures arrive" soon 30 has "accepted" cat /run/frozen-double.log
check "the disk is frozen" fsfreeze -f "$frozen"
accepted > /run/frozen.before
(sleep "$frozen_for"; accepted > /run/frozen.after; fsfreeze -u "$frozen") > /dev/null &
thaw=$!
check "what is written to it stands still" stands_still
