# frozen_string_literal: true

provides :cwmem_service
unified_mode true

description 'Enables and starts the service. Comes last, when the configuration is in place.'

property :service_name, String,
         name_property: true,
         description: 'The unit\'s name.'

default_action %i(enable start)

%i(enable start stop disable restart reload).each do |name|
  action name do
    service new_resource.service_name do
      supports status: true, restart: true, reload: true
      action name
    end
  end
end
