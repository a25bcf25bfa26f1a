# frozen_string_literal: true

provides :cwmem_environment
unified_mode true

description 'Environment variables of the service that hold a secret, such as a proxy with its password, in a ' \
            'file that only root can read. Changing one restarts the service, if it runs.'

property :path, String,
         name_property: true,
         description: 'The file.'
property :variables, Hash,
         default: {},
         sensitive: true,
         description: 'Names and values: HTTPS_PROXY, AWS_CA_BUNDLE and so on.'

default_action :create

action :create do
  text = Cwmem::Settings.environment(new_resource.variables)
  running = cwmem_running?
  unit = cwmem_unit

  directory ::File.dirname(new_resource.path) do
    owner 'root'
    group 'root'
    mode '0755'
  end

  file new_resource.path do
    content text
    owner 'root'
    group 'root'
    mode '0600'
    sensitive true
    notifies :restart, unit, :delayed if running
  end

  cwmem_drop_in 'environment' do
    sections 'Service' => { 'EnvironmentFile' => new_resource.path }
  end
end

action :delete do
  # First: a unit whose file is missing doesn't start.
  cwmem_drop_in 'environment' do
    action :delete
  end

  file new_resource.path do
    action :delete
  end
end

action_class do
  include Cwmem::Service
end
