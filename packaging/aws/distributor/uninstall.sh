#!/bin/sh
# Run by the SSM agent, as root. What removing a package keeps is kept: configuration and state.
set -eu
if command -v dpkg > /dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 remove cwmem
else
    dnf -q -y remove cwmem
fi
