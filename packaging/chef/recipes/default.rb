# frozen_string_literal: true

# Everything by attributes, in the order in which the service starts once and with all of it.

from = node['cwmem']['package']
cwmem_install 'cwmem' do
  source from['source'] if from['source']
  checksum from['checksum'] if from['checksum']
  version from['version'] if from['version']
end

place = node['cwmem']['password']
if place['bag']
  cwmem_credential 'cwmem.mysql-password' do
    secret data_bag_item(place['bag'], place['item'])[place['key']]
  end
end

node['cwmem']['drop_ins'].each do |name, content|
  cwmem_drop_in name do
    sections content.to_h
  end
end

cwmem_config '/etc/cwmem/cwmem.toml' do
  settings node['cwmem']['config'].to_h
end

cwmem_service 'cwmem'
