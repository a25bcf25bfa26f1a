# frozen_string_literal: true

name 'cwmem'
maintainer 'The cwmem authors'
maintainer_email 'cwmem@cwmem.example.org'
license 'Apache-2.0 OR MIT'
description 'Installs and configures cwmem: memory metrics of EC2 hosts in Amazon CloudWatch'
version '0.1.0'
chef_version '>= 16.0'

# systemd 252 or newer, which has the credential store.
supports 'amazon', '>= 2023.0'
supports 'debian', '>= 12.0'
supports 'ubuntu', '>= 24.04'
supports 'redhat', '>= 9.0'
supports 'centos', '>= 9.0'
supports 'rocky', '>= 9.0'
supports 'almalinux', '>= 9.0'
supports 'oracle', '>= 9.0'
