# The same package once more, as an upgrade does it.
before=$(property MainPID)
check "dpkg upgrades" dpkg -i "$payload"/cwmem_*_amd64.deb
check "the new binary runs" soon 20 replaced "$before"
check "the administrator's files are still there" [ -e /etc/cwmem/conf.d/guest.toml ]
