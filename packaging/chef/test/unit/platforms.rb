# frozen_string_literal: true

# A node of each family of platforms, with what its attributes would be.
module Platforms
  SUM = 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c'

  ALL = {
    'amazon' => {
      'package' => { 'source' => 'https://packages.example.com/cwmem/cwmem-0.1.0-1.x86_64.rpm', 'checksum' => SUM },
      'config' => {
        'metrics' => { 'namespace' => 'Web/Memory', 'dimensions' => [['InstanceId'], ['AutoScalingGroupName?', 'tag:Stage?']] },
        'cluster' => { 'name' => 'web', 'database' => 'mysql://cwmem@db.internal:3306/cwmem' },
        'log' => { 'format' => 'json' }
      },
      'password' => { 'bag' => 'cwmem', 'item' => 'database' }
    },
    'debian' => {
      'package' => { 'source' => '/opt/packages/cwmem_0.1.0-1_amd64.deb' },
      'config' => {
        'metrics' => { 'presets' => ['cwagent'], 'cwagent' => { 'metrics' => ['mem_used_percent'], 'dimensions' => [['InstanceId']] } },
        'cgroups' => { 'paths' => ['system.slice/*.service'] },
        'processes' => { 'mysql' => { 'unit' => 'mysql.service' } },
        'recorder' => { 'duration' => '24h' }
      },
      'drop_ins' => {
        'hide-processes' => { 'Service' => { 'ProtectProc' => 'invisible' } },
        'vpc-endpoint' => { 'Service' => { 'IPAddressDeny' => 'any', 'IPAddressAllow' => ['localhost', '169.254.169.254 fd00:ec2::254', '10.0.0.0/16'] } }
      }
    },
    'ubuntu' => {}
  }.freeze

  SECRET = %q(geheim "$x" `y`)

  def self.converge(name, **host)
    bags = { %w(cwmem database) => { 'password' => SECRET } }
    Recorder.new(attributes: ALL.fetch(name), bags: bags, **host).recipe('default')
  end

  # The configuration that the recipe writes there.
  def self.config(name)
    converge(name).find(:file, '/etc/cwmem/cwmem.toml').values[:content]
  end
end
