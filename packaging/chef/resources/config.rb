# frozen_string_literal: true

provides :cwmem_config
unified_mode true

description 'Writes cwmem.toml. What the installed binary refuses is not put in place. A change is followed by ' \
            'a reload or, where a reload could not take it in, by a restart, if the service runs.'

property :path, String,
         name_property: true,
         description: 'The file; /etc/cwmem/cwmem.toml unless the service is told of another.'
property :settings, Hash,
         default: {},
         description: 'The whole file: sections, in them keys. A key or section that is nil is left out.'
# A name without a suffix would be one of Chef::Resource's own methods (identity).
Cwmem::Settings::SECTIONS.each do |section|
  property :"#{section}_section", Hash,
           description: "The section [#{section}], in place of #{section} in settings."
end

default_action :create

action :create do
  sections = Cwmem::Settings::SECTIONS.to_h { |section| [section, new_resource.send("#{section}_section")] }
  text = Cwmem::Settings.text(Cwmem::Settings.merge(new_resource.settings, sections.compact))
  before = ::File.exist?(new_resource.path) ? ::File.read(new_resource.path, encoding: 'UTF-8').scrub : ''
  follow = Cwmem::Settings.restart?(before, text) ? :restart : :reload
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
    # The service's user is made when it starts, and is nobody's group. There is no secret in it.
    mode '0644'
    # The file is tried beside its place, so that what is in conf.d counts too.
    verify "#{Cwmem::Service::BINARY} check --config-only --config %{path}"
    notifies follow, unit, :delayed if running
  end
end

action_class do
  include Cwmem::Service
end
