# The .rpm, in a root where systemd is real; its dependencies cannot be asked of Debian's packages.
install_rpm() { rpm --nodeps --nosignature "$@"; }
package=$(echo "$payload"/cwmem-*.x86_64.rpm)
# Where 90-purge.sh didn't run.
purge
mkdir -p /etc/cwmem/conf.d
check "rpm installs" install_rpm -i "$package"
check "the service is ready" soon 20 active
check "it is enabled by the preset" is "$(systemctl is-enabled cwmem.service)" enabled
before=$(property MainPID)
echo '# changed' >> /etc/cwmem/cwmem.toml
check "rpm upgrades" install_rpm -U --force "$package"
check "the new binary runs" soon 20 replaced "$before"
check "a changed configuration stays" has "# changed" cat /etc/cwmem/cwmem.toml
check "rpm erases" rpm --nodeps -e cwmem
check "the service is gone" fails systemctl is-active --quiet cwmem.service
check "the binary is gone" [ ! -e /usr/bin/cwmem ]
check "the changed configuration is kept" [ -e /etc/cwmem/cwmem.toml.rpmsave ]
