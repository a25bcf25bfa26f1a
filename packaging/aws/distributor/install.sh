#!/bin/sh
# Run by the SSM agent, as root, in the folder that the archive was unpacked to; also as update.sh.
set -eu
cd "$(dirname "$0")"
sha256sum -c SHA256SUMS
for package in cwmem*; do
    case $package in
        *.deb)
            DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
                -o Dpkg::Options::=--force-confold --no-install-recommends --allow-downgrades install "./$package"
            ;;
        *.rpm)
            # An older version takes a newer one's place only when it is told to.
            dnf -q -y install "./$package"
            rpm -q "$(basename "$package" .rpm)" > /dev/null || dnf -q -y downgrade "./$package"
            ;;
    esac
done
