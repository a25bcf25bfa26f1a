# frozen_string_literal: true

provides :cwmem_install
unified_mode true

description 'Installs the package. The service is kept from starting until cwmem_service starts it: with ' \
            'the configuration that the package brings it would publish what nobody asked for.'

property :source, String,
         description: 'The .deb or .rpm: a path on the host, or a URL, which needs a checksum. Without it ' \
                      'the package comes from the distribution\'s repositories.'
property :checksum, String,
         regex: /\A[0-9a-f]{64}\z/,
         description: 'SHA-256 of the file behind the URL, as SHA256SUMS has it.'
property :version, String,
         description: 'The version in the repositories; not for a source, which has its own.'

default_action :install

action :install do
  url = new_resource.source&.match?(%r{\A[a-z][a-z0-9+.-]*://})
  raise "#{new_resource}: expected a checksum with the URL, found none" if url && new_resource.checksum.nil?
  raise "#{new_resource}: expected a source or a version, found both" if new_resource.source && new_resource.version

  # Until the next boot at most; only the first time, as an upgrade has to be able to restart it.
  execute 'cwmem: systemctl mask --runtime' do
    command "systemctl mask --runtime #{Cwmem::Service::UNIT}"
    not_if { ::File.exist?(Cwmem::Service::BINARY) }
  end

  file = new_resource.source
  if url
    file = ::File.join(Chef::Config[:file_cache_path], ::File.basename(new_resource.source.split('?').first))
    remote_file file do
      source new_resource.source
      checksum new_resource.checksum
      mode '0644'
    end
  end

  if file.nil?
    package 'cwmem' do
      version new_resource.version if new_resource.version
      action :install
    end
  elsif file.end_with?('.deb')
    dpkg_package 'cwmem' do
      source file
      # A configuration that was changed stays; dpkg would ask, and nobody is there to answer.
      options '--force-confdef --force-confold'
      action :upgrade
    end
  else
    dnf_package 'cwmem' do
      source file
      action :upgrade
    end
  end

  execute 'cwmem: systemctl unmask --runtime' do
    command "systemctl unmask --runtime #{Cwmem::Service::UNIT}"
    only_if { ::File.symlink?(Cwmem::Service::MASK) }
  end
end

action :remove do
  service 'cwmem' do
    action %i(stop disable)
    only_if { ::File.exist?(Cwmem::Service::BINARY) }
  end

  package 'cwmem' do
    action :remove
  end
end
