#!/usr/bin/env bash
# Unpacks MySQL's server (Debian sid has it, stable hasn't) into the folder that is named, with the
# libraries that it needs. Nothing is installed: apt is given lists and a cache of its own.
set -euo pipefail
folder=$1

if [ "$(dpkg --print-architecture)" != amd64 ]; then
    echo "MySQL is unpacked on amd64 only: the tests name its loader" >&2
    exit 1
fi
rm -rf "$folder"
mkdir -p "$folder"/apt/{sources,state/lists/partial,cache/archives/partial,packages} "$folder/root"
folder=$(cd "$folder" && pwd)

cat > "$folder/apt/sources/sid.sources" <<SOURCES
Types: deb
URIs: http://deb.debian.org/debian
Suites: sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
cat > "$folder/apt/apt.conf" <<CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$folder/apt/sources";
Dir::State "$folder/apt/state";
Dir::Cache "$folder/apt/cache";
APT::Sandbox::User "root";
Acquire::Check-Valid-Until "false";
CONF
export APT_CONFIG="$folder/apt/apt.conf"

apt-get update -q
depends() {
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$1"
}
# Perl and the compiler's base package are for scripts that aren't run here.
packages=$(depends mysql-server-core | grep '^[a-z]' | sort -u | grep -v -E '^(perl|gcc-)')
cd "$folder/apt/packages"
# shellcheck disable=SC2086
apt-get -q download $packages
for package in *.deb; do
    dpkg -x "$package" "$folder/root"
done
rm -rf "$folder/apt"
