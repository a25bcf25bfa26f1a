# frozen_string_literal: true

require_relative 'helper'
require_relative 'platforms'
require 'tmpdir'

# What is declared, compared with files; UPDATE_GOLDEN=1 writes them anew.
class RecipeTest < Minitest::Test
  def golden(name, lines)
    path = Pathname(__dir__).join("golden/#{name}.txt")
    text = "#{lines.join("\n")}\n"
    path.write(text) if ENV['UPDATE_GOLDEN']
    assert_equal(path.read, text)
  end

  Platforms::ALL.each_key do |platform|
    define_method("test_#{platform}") { golden(platform, Platforms.converge(platform).lines) }
  end

  def test_the_secret_is_in_its_file_and_nowhere_else
    recorder = Platforms.converge('amazon')
    file = recorder.find(:file, '/etc/credstore/cwmem.mysql-password')
    assert_equal([Platforms::SECRET, '0600', 'root', true], file.values.values_at(:content, :mode, :owner, :sensitive))
    refute(recorder.lines.any? { |line| line.include?('geheim') }, recorder.lines.join("\n"))
    assert_empty(recorder.declared.select { |other| other != file && other.type == :file && other.values[:content].include?('geheim') })
  end

  # On a host where it isn't running nothing is notified: cwmem_service starts it with all of it.
  def test_a_first_run_starts_it_once
    Platforms::ALL.each_key do |platform|
      recorder = Platforms.converge(platform)
      told = recorder.declared.flat_map(&:notifications).grep_v(/daemon-reload/)
      assert_empty(told, platform)
      assert_equal('service[cwmem] start', recorder.lines.last.strip.split.first(2).join(' '))
    end
  end

  def follow(before, settings, running: true)
    Dir.mktmpdir do |folder|
      path = File.join(folder, 'cwmem.toml')
      File.write(path, before) if before
      recorder = Recorder.new(running: running).run { cwmem_config(path) { self.settings settings } }
      recorder.find(:file, path).notifications
    end
  end

  def test_a_change_is_followed_by_a_reload_or_where_needed_a_restart
    before = Cwmem::Settings.text('log' => { 'level' => 'warn' })
    reload = ['reload service[cwmem] delayed']
    restart = ['restart service[cwmem] delayed']
    assert_equal(reload, follow(before, { 'log' => { 'level' => 'info' } }))
    assert_equal(restart, follow(before, { 'recorder' => { 'duration' => '2h' } }))
    assert_equal(restart, follow(nil, {}))
    assert_equal(restart, follow("\xff\n", {}))
    assert_empty(follow(before, { 'recorder' => { 'duration' => '2h' } }, running: false))
  end

  def test_a_credential_a_drop_in_and_an_environment_need_a_restart
    recorder = Recorder.new(running: true).run do
      cwmem_credential('cwmem.mysql-password') { secret 'x' }
      cwmem_drop_in('a') { sections 'Service' => { 'Nice' => 1 } }
      cwmem_environment('/etc/cwmem/environment') { variables 'HTTPS_PROXY' => 'http://u:geheim@proxy' }
      cwmem_environment('/etc/cwmem/environment') { action :delete }
      cwmem_credential('cwmem.mysql-password') { action :delete }
      cwmem_drop_in('a') { action :delete }
      cwmem_install('cwmem') { action :remove }
    end
    golden('changes', recorder.lines)
  end

  def test_every_section_has_a_property
    recorder = Recorder.new.run do
      cwmem_config '/etc/cwmem/cwmem.toml' do
        Cases::AWKWARD.each { |section, values| send("#{section}_section", values) }
      end
    end
    whole = Recorder.new.run { cwmem_config('/etc/cwmem/cwmem.toml') { settings Cases::AWKWARD } }
    assert_equal(*[recorder, whole].map { |run| run.find(:file).values[:content] })
  end

  def test_what_makes_no_sense_is_refused
    {
      'a checksum' => proc { cwmem_install('cwmem') { source 'https://x/y.deb' } },
      'a source or a version' => proc { cwmem_install('cwmem') { source '/y.deb'; version '1' } },
      'checksum: doesn' => proc { cwmem_install('cwmem') { checksum 'x' } },
      'expected a secret' => proc { cwmem_credential('x') },
      'credential: doesn' => proc { cwmem_credential('../x') { secret 'y' } },
      'drop_in: doesn' => proc { cwmem_drop_in('a/b') },
      'settings: expected a Hash' => proc { cwmem_config('/x') { settings 'x' } }
    }.each do |message, block|
      error = assert_raises(RuntimeError, message) { Recorder.new.run(&block) }
      assert_includes(error.message, message)
    end
  end
end
