# The .deb on a host that isn't on EC2 and has no credentials: it runs all the same.
check "dpkg installs the package" dpkg -i "$payload"/cwmem_*_amd64.deb
check "the service is ready" active
check "it is enabled" is "$(systemctl is-enabled cwmem.service)" enabled
says_so() { systemctl status cwmem.service | grep "Status:" | has "no region: set [cloudwatch] region" cat; }
check "systemctl status says what is missing" soon 30 says_so
echo "        STATUS: $(property StatusText)"
unprivileged() {
    local user
    user=$(stat -c %u "/proc/$(property MainPID)")
    [ "$user" -ge 61184 ] && [ "$user" -le 65519 ]
}
check "it runs as a dynamic user" unprivileged
check "the shipped configuration holds" cwmem check --offline
check "the state is the service's alone" is "$(stat -Lc %a /var/lib/cwmem)" 700
check "nothing was refused to it" fails has "denied" journal
check "systemd has no remarks on the unit" is "$(systemd-analyze verify --man=no /lib/systemd/system/cwmem.service 2>&1)" ""
