# frozen_string_literal: true

# The package: a path or a URL with its SHA-256; without a source, the repositories' one.
default['cwmem']['package']['source'] = nil
default['cwmem']['package']['checksum'] = nil
default['cwmem']['package']['version'] = nil

# cwmem.toml, section by section: default['cwmem']['config']['metrics']['namespace'] = 'Web/Memory'.
# Nothing set is cwmem's own default; nil takes back what another level set. Never a secret.
default['cwmem']['config'] = {}

# Drop-ins of the unit: default['cwmem']['drop_ins']['hide-processes']['Service']['ProtectProc'] = 'invisible'
default['cwmem']['drop_ins'] = {}

# Where the password of the cluster's database is: an encrypted data bag, its item, the key in it.
default['cwmem']['password']['bag'] = nil
default['cwmem']['password']['item'] = nil
default['cwmem']['password']['key'] = 'password'
