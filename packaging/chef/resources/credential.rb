# frozen_string_literal: true

provides :cwmem_credential
unified_mode true

description 'Puts a secret where the service manager finds it (/etc/credstore, root only) and hands it to the ' \
            'service alone. systemd 252 or newer.'

property :credential, String,
         name_property: true,
         regex: /\A[A-Za-z0-9._-]+\z/,
         description: 'Its name in the unit. cwmem.mysql-password is the password of the cluster\'s database.'
property :secret, String,
         sensitive: true,
         description: 'The secret itself: from an encrypted data bag, a vault or a secrets manager, never from ' \
                      'a node attribute, which the Chef server keeps and shows.'

default_action :create

action :create do
  raise "#{new_resource}: expected a secret, found none" if new_resource.secret.to_s.empty?

  running = cwmem_running?
  unit = cwmem_unit

  directory '/etc/credstore' do
    owner 'root'
    group 'root'
    mode '0700'
  end

  file "/etc/credstore/#{new_resource.credential}" do
    content new_resource.secret
    owner 'root'
    group 'root'
    mode '0600'
    sensitive true
    # A service gets its credentials when it starts.
    notifies :restart, unit, :delayed if running
  end
end

action :delete do
  running = cwmem_running?
  unit = cwmem_unit

  file "/etc/credstore/#{new_resource.credential}" do
    action :delete
    notifies :restart, unit, :delayed if running
  end
end

action_class do
  include Cwmem::Service
end
