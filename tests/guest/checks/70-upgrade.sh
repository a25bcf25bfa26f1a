# An older version over this one, and this one over the older: what an administrator does to go back
# and forth. The older one is this package with an older number and, in its binary, the number that
# the program gives itself; its default configuration has a line that the newer one hasn't.
version=$(dpkg-query -W -f='${Version}' cwmem)
number=${version%-*}
older=0.0.9
older_package() {
    [ ${#number} = ${#older} ] || { echo "another older version is needed: as long as $number"; return 1; }
    dpkg-deb -R "$payload"/cwmem_*_amd64.deb /var/tmp/older
    sed -i "s/^Version: .*/Version: $older-1/" /var/tmp/older/DEBIAN/control
    echo "# from $older" >> /var/tmp/older/etc/cwmem/cwmem.toml
    perl -pi -e "s/\Q$number\E/$older/g" /var/tmp/older/usr/bin/cwmem
    dpkg-deb -Znone --root-owner-group -b /var/tmp/older /var/tmp/older.deb
}
runs() { has "cwmem $1" "/proc/$(property MainPID)/exe" --version; }
check "an older package is made" older_package

before=$(property MainPID)
check "dpkg goes back to it" dpkg -i /var/tmp/older.deb
check "the older binary runs" soon 20 replaced "$before"
check "and says so" runs "$older"
check "its default configuration is there" has "# from $older" cat /etc/cwmem/cwmem.toml
check "the administrator's files are still there" [ -e /etc/cwmem/conf.d/guest.toml ]
check "it goes on publishing" soon 20 cwmem status --check

before=$(property MainPID)
check "dpkg upgrades" dpkg -i "$payload"/cwmem_*_amd64.deb
check "the new binary runs" soon 20 replaced "$before"
check "and says so" runs "$number"
check "an untouched default configuration is the newer one's" fails grep -q "# from $older" /etc/cwmem/cwmem.toml
check "the administrator's files are still there" [ -e /etc/cwmem/conf.d/guest.toml ]
check "it goes on publishing" soon 20 cwmem status --check

before=$(property MainPID)
echo '# changed' >> /etc/cwmem/cwmem.toml
check "the same package once more" dpkg -i "$payload"/cwmem_*_amd64.deb
check "is a restart as well" soon 20 replaced "$before"
check "a changed configuration stays" has "# changed" cat /etc/cwmem/cwmem.toml
rm -rf /var/tmp/older /var/tmp/older.deb
