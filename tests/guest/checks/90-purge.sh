# Removing keeps what is the administrator's, purging leaves nothing.
# What the agents beside the package's left isn't the package's to remove.
rm -rf /run/systemd/system/cwmem-* /run{,/private}/cwmem-* /var/lib{,/private}/cwmem-*
systemctl daemon-reload
systemctl start cwmem.service
check "dpkg removes" dpkg -r cwmem
check "the service is gone" fails systemctl is-active --quiet cwmem.service
check "the binary is gone" [ ! -e /usr/bin/cwmem ]
check "the configuration is kept" [ -e /etc/cwmem/cwmem.toml ]
check "the state is kept" [ -d /var/lib/private/cwmem ]
check "dpkg purges" dpkg -P cwmem
left() { find /etc /usr /var/lib /run -name '*cwmem*' -not -path '/run/systemd/*' -not -path '*/cwmem.service.d*'; }
check "nothing is left but the drop-in of this test" is "$(left)" ""
