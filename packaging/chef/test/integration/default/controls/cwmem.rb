# frozen_string_literal: true

control 'cwmem-package' do
  title 'The package is there'
  describe package('cwmem') do
    it { should be_installed }
  end
  describe command('cwmem --version') do
    its('exit_status') { should eq 0 }
    its('stdout') { should match(/^cwmem \d/) }
  end
end

control 'cwmem-service' do
  title 'The service runs, and will after the next boot'
  describe systemd_service('cwmem') do
    it { should be_enabled }
    it { should be_running }
  end
  describe file('/run/systemd/system/cwmem.service') do
    it { should_not exist }
  end
  # Restarted by nobody since it was started.
  describe command('systemctl show -P NRestarts cwmem.service') do
    its('stdout') { should eq "0\n" }
  end
end

control 'cwmem-config' do
  title 'The configuration is the one of the attributes, and the binary takes it'
  describe file('/etc/cwmem/cwmem.toml') do
    its('owner') { should eq 'root' }
    its('mode') { should cmp '0644' }
    its('content') { should include "[metrics]\nnamespace = \"Kitchen/Memory\"\n" }
  end
  describe toml('/etc/cwmem/cwmem.toml') do
    its(%w(metrics namespace)) { should eq 'Kitchen/Memory' }
    its(%w(identity ec2)) { should eq false }
  end
  describe command('cwmem check --offline') do
    its('exit_status') { should eq 0 }
  end
end

control 'cwmem-status' do
  title 'It samples under that configuration'
  describe json(command: 'cwmem status --json') do
    its(%w(config namespace)) { should eq 'Kitchen/Memory' }
    its(%w(identity ec2)) { should eq false }
  end
end

control 'cwmem-drop-in' do
  title 'The drop-in is in force'
  describe command('systemctl show -P ProtectProc cwmem.service') do
    its('stdout') { should eq "invisible\n" }
  end
  describe command('systemctl show -P NeedDaemonReload cwmem.service') do
    its('stdout') { should eq "no\n" }
  end
end

control 'cwmem-secrets' do
  title 'Nobody but root reads secrets'
  describe file('/etc/credstore') do
    its('mode') { should cmp '0700' }
  end
  only_if('no credential was given') { file('/etc/credstore').exist? }
end
