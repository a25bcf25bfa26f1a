# frozen_string_literal: true

require_relative 'helper'

class SettingsTest < Minitest::Test
  Settings = Cwmem::Settings

  def restart?(before, after)
    Settings.restart?(Settings.text(before), Settings.text(after))
  end

  def test_only_what_a_reload_cannot_change_needs_a_restart
    base = { 'metrics' => { 'namespace' => 'A' }, 'state' => { 'directory' => '/a' } }
    [
      [{ 'metrics' => { 'namespace' => 'B' } }, false],
      [{ 'publish' => { 'period' => '10s' } }, false],
      [{ 'state' => { 'directory' => '/b' } }, true],
      [{ 'state' => nil }, true],
      [{ 'recorder' => { 'duration' => '2h' } }, true],
      [{ 'cluster' => { 'name' => 'web' } }, true],
      [{ 'state' => { directory: :'/a' } }, false]
    ].each { |change, expected| assert_equal(expected, restart?(base, base.merge(change)), change.inspect) }
  end

  def test_the_period_of_a_cluster_s_member_needs_one
    member = { 'cluster' => { 'name' => 'web' }, 'publish' => { 'period' => '60s' } }
    assert(restart?(member, member.merge('publish' => { period: '30s' })))
    refute(restart?(member, member.merge('publish' => { 'period' => '60s', 'every' => '5m' })))
  end

  def test_a_file_of_another_hand_needs_one
    assert(Settings.restart?("[state]\n", Settings.text({})))
    assert(Settings.restart?('', Settings.text({})))
  end

  def test_a_section_may_be_given_once
    assert_equal({ 'log' => {}, 'cost' => {} }, Settings.merge({ 'log' => {} }, { 'cost' => {} }))
    error = assert_raises(ArgumentError) { Settings.merge({ log: {} }, { 'log' => {} }) }
    assert_equal('log: expected in settings or in a property of its own, found in both', error.message)
  end

  def test_no_password_gets_into_the_file
    [
      { 'cloudwatch' => { 'proxy' => 'http://me:geheim@proxy:3128' } },
      { cluster: { database: 'mysql://cwmem:geheim@db/cwmem' } },
      { 'cluster' => { 'database' => 'mysql://:geheim@db' } },
      { 'x' => [{ 'y' => "HTTP://a:geheim\xff@b" }] }
    ].each do |settings|
      error = assert_raises(ArgumentError, settings.inspect) { Settings.text(settings) }
      assert_match(/\A\w+\.\w+(\.y)?: expected a URL without a password/, error.message)
      refute_includes(error.message, 'geheim')
    end
    %w(mysql://cwmem@db:3306/cwmem http://proxy:3128 a:b@c https://[::1]:80/x:y@z).each do |fine|
      Settings.text('x' => { 'y' => fine })
    end
  end

  # Read by a shell, which knows the same escapes.
  def test_an_environment_file_holds_any_value
    variables = { 'HTTPS_PROXY' => %q(http://u:p"a$b`c\\d'e f#g@proxy:3128), B_2: 'x', '_' => '' }
    text = Settings.environment(variables)
    assert_equal(%(B_2="x"\nHTTPS_PROXY="http://u:p\\"a\\$b\\`c\\\\d'e f#g@proxy:3128"\n_=""\n), text)
    said = IO.popen(['sh', '-euc', "#{text.lines.grep_v(/^_/).join}printf %s \"$HTTPS_PROXY\""], &:read)
    assert_equal(variables['HTTPS_PROXY'], said)
    [{ 'A B' => 'x' }, { '1A' => 'x' }, { 'A' => "x\nLD_PRELOAD=y" }, { "A\nB" => 'x' }].each do |wrong|
      assert_raises(ArgumentError, wrong.inspect) { Settings.environment(wrong) }
    end
  end

  def test_a_drop_in_has_a_line_for_each_value
    sections = { 'Unit' => { 'After' => 'x.service' }, 'Service' => { IPAddressDeny: 'any', 'IPAddressAllow' => ['', 'localhost'] } }
    assert_equal(<<~UNIT, Settings.drop_in(sections))
      [Unit]
      After=x.service

      [Service]
      IPAddressDeny=any
      IPAddressAllow=
      IPAddressAllow=localhost
    UNIT
    [{ 'Service' => { 'A' => "x\nExecStart=y" } }, { "S]\n[T" => { 'A' => 'x' } }, { 'S' => { 'A=b' => 'x' } }].each do |wrong|
      assert_raises(ArgumentError, wrong.inspect) { Settings.drop_in(wrong) }
    end
  end
end
