# frozen_string_literal: true

provides :cwmem_drop_in
unified_mode true

description 'A drop-in of the unit, such as those that the package has as examples: hide-processes, ' \
            'vpc-endpoint. Changing one restarts the service, if it runs.'

property :drop_in, String,
         name_property: true,
         regex: /\A[A-Za-z0-9_.-]+\z/,
         description: 'The file\'s name, without .conf.'
property :sections, Hash,
         default: {},
         description: 'The file: sections, in them directives; a directive\'s list is one line for each.'

default_action :create

action :create do
  text = Cwmem::Settings.drop_in(new_resource.sections)
  running = cwmem_running?
  unit = cwmem_unit
  daemon_reload = cwmem_daemon_reload

  directory Cwmem::Service::DROP_INS do
    owner 'root'
    group 'root'
    mode '0755'
  end

  file "#{Cwmem::Service::DROP_INS}/#{new_resource.drop_in}.conf" do
    content text
    owner 'root'
    group 'root'
    mode '0644'
    notifies :run, daemon_reload, :immediately
    notifies :restart, unit, :delayed if running
  end
end

action :delete do
  running = cwmem_running?
  unit = cwmem_unit
  daemon_reload = cwmem_daemon_reload

  file "#{Cwmem::Service::DROP_INS}/#{new_resource.drop_in}.conf" do
    action :delete
    notifies :run, daemon_reload, :immediately
    notifies :restart, unit, :delayed if running
  end
end

action_class do
  include Cwmem::Service
end
