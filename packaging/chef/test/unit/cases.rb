# frozen_string_literal: true

require 'date'

# Hashes that are rendered here, read back by another TOML reader and, where they are configurations
# of cwmem, checked by the binary.
module Cases
  DEEP = (1..28).reduce('bottom') { |below, _| { 'x' => below } }

  # What TOML can say and an administrator may come up with.
  HOSTILE = {
    'quotes' => { 'a' => %q(say "hi" and 'hi'), 'b' => '"""', 'c' => "'''", 'd' => '\\', 'e' => '\\"', 'f' => '\\u0041' },
    'newlines' => { 'a' => "one\ntwo", 'b' => "one\r\ntwo\r", 'c' => "\n[section]\nkey = 1\n", 'd' => "ends with\n" },
    'control' => { 'all' => (0..31).map(&:chr).join, 'delete' => "\u007f", 'c1' => "\u0080\u009f", 'nul' => "a\0b" },
    'unicode' => { 'a' => 'Grüße, 世界, 🦀', 'b' => "\u2028\u2029\ufeff", 'c' => "e\u0301", 'd' => "\u{10ffff}", 'e' => "\u202e" },
    'encodings' => {
      'latin' => 'Grüße'.encode('ISO-8859-1'), 'wide' => 'Grüße'.encode('UTF-16LE'), 'bytes' => 'Grüße'.b, 'ascii' => 'a'.encode('US-ASCII')
    },
    'keys' => {
      '' => 1, ' ' => 2, 'a.b' => 3, '"' => 4, "line\nbreak" => 5, 'ключ' => 6, '#' => 7, '[x]' => 8, '=' => 9, '1' => 10, 'true' => 11,
      "tab\there" => { 'a.b' => { "c'd" => 1 } }, '-' => [{ 'x y' => 1 }]
    },
    'symbols' => { a: :b, 'c' => [:d, :'e f'], :"g h" => { i: 1 } },
    'booleans' => { 'a' => true, 'b' => false, 'c' => [true, false], 'd' => 'true' },
    'integers' => { 'a' => 0, 'b' => -1, 'c' => 2**63 - 1, 'd' => -(2**63), 'e' => '1' },
    'floats' => {
      'a' => 0.0, 'b' => -0.0, 'c' => 1e300, 'd' => 1e-300, 'e' => 0.1, 'f' => 1e20, 'g' => Float::INFINITY, 'h' => -Float::INFINITY,
      'i' => Float::NAN, 'j' => 5e-324, 'k' => 100.0
    },
    'times' => {
      'date' => Date.new(2026, 2, 28), 'utc' => Time.utc(2026, 11, 23, 14, 21, 0), 'zone' => Time.new(2026, 1, 1, 0, 0, 0, '+05:45'),
      'fraction' => Time.at(1, 250_000, :usec).utc, 'datetime' => DateTime.new(2026, 11, 23, 14, 21, 0, '-03:00'), 'old' => Date.new(1, 1, 1)
    },
    'nil' => { 'a' => nil, 'b' => { 'c' => nil }, 'd' => 1, 'e' => [{ 'f' => nil }] },
    'empty' => { 'a' => {}, 'b' => [], 'c' => '', 'd' => [{}], 'e' => [[]], 'f' => { 'g' => {} } },
    'arrays' => { 'a' => [1, 'x', 2.5, true], 'b' => [[1, 2], ['x']], 'c' => [1, { 'k' => 'v' }], 'd' => [[{ 'k' => { 'l' => 1 } }]] },
    'tables' => {
      'z' => { 'plain' => 1, 'inner' => { 'plain' => 2, 'deeper' => { 'plain' => 3 } }, 'last' => 4 },
      'array' => [{ 'n' => 1, 'sub' => { 'k' => 1 } }, { 'n' => 2, 'subs' => [{ 'k' => 1 }, { 'k' => 2 }] }], 'top' => 0
    },
    'deep' => DEEP,
    'nothing' => {}
  }.freeze

  # What TOML cannot say, and the message.
  REFUSED = {
    'nil in an array' => [{ 'a' => { 'b' => [1, nil] } }, 'a.b.1: expected a string, number, boolean, time, array or hash, found NilClass'],
    'an object' => [{ 'a' => Object }, 'a: expected a string, number, boolean, time, array or hash, found Class'],
    'a large integer' => [{ 'a' => 2**63 }, "a: expected an integer of 64 bits, found #{2**63}"],
    'other bytes' => [{ 'a' => "\xff" }, 'a: expected UTF-8, found other bytes'],
    'other bytes in a key' => [{ 'x' => { "\xff".b => 1 } }, 'x: expected UTF-8, found other bytes'],
    'half a pair' => [{ 'a' => "\xed\xa0\x80" }, 'a: expected UTF-8, found other bytes'],
    'a number as key' => [{ 'a' => { 1 => 2 } }, 'a: expected a string or a symbol as key, found 1'],
    'a key twice' => [{ 'a' => { 'b' => 1, :b => 2 } }, 'a.b: expected the key once, found it twice'],
    'a key twice in two encodings' => [{ 'ü' => 1, 'ü'.encode('ISO-8859-1') => 2 }, 'ü: expected the key once, found it twice'],
    'a far year' => [{ 'a' => Date.new(10_000, 1, 1) }, 'a: expected a year of four digits, found 10000'],
    'a rational' => [{ 'a' => Rational(1, 3) }, 'a: expected a string, number, boolean, time, array or hash, found Rational'],
    'too deep' => [(1..40).reduce(1) { |below, _| { 'x' => below } }, "#{(['x'] * 33).join('.')}: expected at most 32 levels, found Hash"],
    'no hash' => [[1], 'the settings: expected a hash, found Array']
  }.freeze

  # Every section, with what is awkward wherever cwmem takes any text.
  AWKWARD = {
    'sample' => { 'interval' => '1s', pressure_interval: :'200ms' },
    'metrics' => {
      'namespace' => %q(Web "front" \\ 'x'), enabled: [:MemoryUsedPercent, 'OomKills'], 'meminfo' => ['Active(file)'], 'max_series' => 7,
      'dimensions' => [['InstanceId'], ['Stage "one"', 'tag:Own er?'], []], 'health' => false, 'zfs_arc' => nil,
      'presets' => %w(cwagent telegraf),
      'cwagent' => [
        { 'metrics' => ['mem_used_percent', { 'metric' => 'mem_used', 'name' => %q(Used "by" 'it'), 'unit' => 'Gigabytes' }] },
        { 'metrics' => ['swap_used_percent'], 'namespace' => '[section]', 'dimensions' => [['host', 'env=a "b"']] }
      ],
      'telegraf' => { 'namespace' => '# no comment', 'dimensions' => [['host']] }
    },
    'cgroups' => { 'paths' => ['system.slice/*.service', %q(user.slice/"x" y)], 'metrics' => ['CgroupMemoryUsed'] },
    'processes' => {
      'my "sql"' => { 'unit' => 'mysql.service' }, :"report builder" => { 'cmdline' => "*--title=\"Grüße\"\ttab\nline\u2028\e[1m\\*" },
      'metrics' => ['ProcessCount']
    },
    'dimensions' => { 'Stage "one"' => %q(it's = "up" # \\) },
    'publish' => { period: '10s', 'every' => '1m' },
    'pressure' => { 'available_below' => '12.5%', 'stall_above' => '0%' },
    'cloudwatch' => { 'region' => 'cn-north-1', 'ca_bundle' => %q(/etc/ssl/Ünïcode "x" 'y' 🦀\.pem), 'proxy' => 'http://proxy.internal:3128' },
    'identity' => {
      'ec2' => true, 'instance_id' => 'i-0123456789abcdef0', 'image_id' => :'ami-1', 'instance_type' => 'm7g.large', 'host' => %q(web "1"), 'imds' => false
    },
    'state' => { 'directory' => '/var/lib/cwmem' },
    'recorder' => { 'duration' => '2h' },
    'spool' => { 'max_bytes' => '16MiB', 'max_requests_per_second' => 2 },
    'cluster' => { 'name' => 'web', 'host' => 'db.internal', 'user' => 'cw-mem$1', schema: 'cwmem', 'password_file' => %q(/etc/Passwörter/"x" # y) },
    'alarms' => { 'prefix' => 'db:', 'page_from' => '97.5%', 'actions' => ['arn:aws-cn:sns:cn-north-1:123456789012:memory'] },
    'cost' => { 'hosts' => 3, 'max_monthly_cost' => 250.0 },
    'log' => { 'level' => :warn, 'format' => 'json' }
  }.freeze

  # What TOML can say and cwmem doesn't take: its answer quotes what it read.
  WRONG = {
    'a line break in a path' => [{ 'cloudwatch' => { 'ca_bundle' => "/etc/\"Ü\"\n.pem" } }, 'cloudwatch.ca_bundle: expected a path, found "/etc/\"Ü\"\n.pem"'],
    'a section that there is none of' => [{ 'metric' => {} }, 'metric: unknown section; did you mean [metrics]?'],
    'a key with a line break' => [{ 'log' => { "level\n" => 'info' } }, 'log."level\n": unknown key'],
    'a float for a number' => [{ 'cost' => { 'hosts' => 1.5 } }, 'cost.hosts: expected '],
    'a section in a key' => [{ 'log' => { 'level' => "info\"\n[state]\ndirectory = \"/tmp" } }, 'log.level: expected ']
  }.freeze
end
