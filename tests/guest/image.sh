#!/usr/bin/env bash
# Makes the image that the guest boots: a small Debian with a real systemd, its kernel beside it.
#
#     tests/guest/image.sh [SUITE]      bookworm unless named
#
# The image is kept in target/guest/SUITE-HASH; the hash is that of what it is made from. Needs root:
# a Debian is unpacked with the owners that its files have. Prints the folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=${1:-bookworm}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

hash=$(cat "$here/image.txt" "$here/image.sh" | sha256sum | cut -c1-12)
folder=$(cd "$here/../.." && pwd)/target/guest/$suite-$hash
if [ -e "$folder/made" ]; then
    echo "$folder"
    exit
fi
for program in mmdebstrap mkfs.ext4; do
    command -v "$program" > /dev/null && continue
    echo "$program is missing: install the Debian packages of tests/guest/apt.txt" >&2
    exit 69
done
if [ "$(id -u)" != 0 ]; then
    echo "the guest's image can be made by root only: sudo tests/guest/image.sh $suite" >&2
    exit 77
fi

mkdir -p "$folder"
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
packages=$(grep -v '^#' "$here/image.txt" | paste -sd,)
# An initramfs with what the guest's disks need is ready in a fifth of the time of the full one.
mmdebstrap --quiet --variant=minbase --mode=root --format=tar --include="$packages" \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"' \
    --essential-hook='printf "MODULES=list\nCOMPRESSLEVEL=1\n" > "$1/etc/initramfs-tools/conf.d/guest"' \
    --essential-hook='printf "virtio_pci\nvirtio_blk\next4\n" > "$1/usr/share/initramfs-tools/modules.d/guest"' \
    "$suite" "$work/root.tar" "$mirror" >&2
mkdir "$work/root"
# Device nodes come with the guest's own devtmpfs.
tar -C "$work/root" --exclude='./dev/*' -xf "$work/root.tar"
root=$work/root

echo guest > "$root/etc/hostname"
printf '127.0.0.1 localhost guest\n::1 localhost\n' > "$root/etc/hosts"
# The root file system is the kernel's to mount, the second disk the script's.
: > "$root/etc/fstab"
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
# A guest that lives for a minute needs no journal on its disk, no timers and no log-in: a getty on
# the console would even hang it up.
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\n' > "$root/etc/systemd/journald.conf.d/guest.conf"
for unit in serial-getty@ttyS0.service getty@tty1.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-timesyncd.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Each reload of systemd would start all generators, which find nothing here.
mkdir -p "$root/etc/systemd/system-generators"
for generator in "$root"/usr/lib/systemd/system-generators/*; do
    ln -s /dev/null "$root/etc/systemd/system-generators/$(basename "$generator")"
done
cat > "$root/etc/systemd/system/guest-checks.service" <<'UNIT'
[Unit]
Description=The checks that the guest was booted for
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mount -o ro /dev/vdb /mnt && exec bash /mnt/checks.sh'
ExecStopPost=/bin/systemctl poweroff --no-block
StandardInput=null
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../guest-checks.service "$root/etc/systemd/system/multi-user.target.wants/guest-checks.service"

cp -L "$root/vmlinuz" "$folder/vmlinuz"
cp -L "$root/initrd.img" "$folder/initrd"
rm -rf "$root"/boot/* "$root/var/cache/apt" "$root/var/lib/apt/lists"
mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
mkfs.ext4 -q -F -L guest -d "$root" "$folder/root.ext4" 1500M > /dev/null
chmod a+r "$folder"/{vmlinuz,initrd,root.ext4}
touch "$folder/made"
echo "$folder"
