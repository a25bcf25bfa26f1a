# frozen_string_literal: true

module Cwmem
  # What the resources' actions need of the service; mixed into their action_class.
  module Service
    UNIT = 'cwmem.service'
    BINARY = '/usr/bin/cwmem'
    MASK = '/run/systemd/system/cwmem.service'
    DROP_INS = '/etc/systemd/system/cwmem.service.d'

    # What doesn't run has nothing to reload: it is started with what is in place by then.
    def cwmem_running?
      shell_out('systemctl', 'is-active', '--quiet', UNIT).exitstatus.zero?
    end

    # One for the whole run, so that however many changes there are it is reloaded or restarted once.
    def cwmem_unit
      with_run_context(:root) do
        find_resource(:service, 'cwmem') do
          supports status: true, restart: true, reload: true
          action :nothing
        end
      end
    end

    # One for the whole run as well, and done at once.
    def cwmem_daemon_reload
      with_run_context(:root) do
        find_resource(:execute, 'cwmem: systemctl daemon-reload') do
          command 'systemctl daemon-reload'
          action :nothing
        end
      end
    end
  end
end
