# The example user-data.sh on a host without cwmem, and what it counts on: a package that is installed while
# its unit is masked isn't started. A stand-in for the AWS CLI copies from the disk.
mkdir -p /tmp/cli
printf '#!/bin/sh\nexec cp "%s/${4##*/}" "$5"\n' "$payload" > /tmp/cli/aws
chmod 755 /tmp/cli/aws
user_data() {
    PATH=/tmp/cli:$PATH CWMEM_FROM=s3://bucket/folder CWMEM_CONFIG=$1 \
        CWMEM_SHA256SUMS=$(cd "$payload" && sha256sum cwmem_*_amd64.deb) \
        sh "$payload/user-data.sh" > /tmp/user-data.log 2>&1 || { cat /tmp/user-data.log; return 1; }
}
begun() { journalctl -q -o cat -u cwmem.service --since "@$since" | grep -c "sampling begins"; }
# Where 90-purge.sh didn't run.
purge
since=$(date +%s)
check "user data with a wrong configuration fail" fails user_data "x = 1"
check "the package is there" dpkg -s cwmem
check "it doesn't run" fails active
check "it won't at the next boot" is "$(systemctl is-enabled cwmem.service)" disabled
check "it never did" is "$(begun)" 0
purge
check "user data with a right one go well" user_data "$(printf '[metrics]\nnamespace = "Given/Memory"\n')"
check "the service is ready" soon 20 active
check "it is enabled" is "$(systemctl is-enabled cwmem.service)" enabled
check "the configuration is in place" has "Given/Memory" cat /etc/cwmem/cwmem.toml
check "it was started once" is "$(begun)" 1
check "under no other configuration" has "namespace=Given/Memory" journalctl -q -o cat -u cwmem.service --since "@$since"
purge

package=$(echo "$payload"/cwmem-*.x86_64.rpm)
systemctl mask --runtime cwmem.service 2> /dev/null
check "rpm installs while the unit is masked" rpm --nodeps --nosignature -i "$package"
check "it doesn't run" fails active
systemctl unmask --runtime cwmem.service 2> /dev/null
systemctl enable cwmem.service 2> /dev/null
systemctl start cwmem.service
check "unmasked, enabled and started, it does" soon 20 active
rpm --nodeps -e cwmem
