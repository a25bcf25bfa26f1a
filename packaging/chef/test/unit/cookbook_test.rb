# frozen_string_literal: true

require_relative 'helper'
require 'erb'
require 'yaml'

# What else is in the folder: metadata, documents, kitchen and InSpec files.
class CookbookTest < Minitest::Test
  ROOT = Recorder::COOKBOOK

  # A file of calls with plain values, such as metadata.rb.
  class Calls < BasicObject
    attr_reader :made

    def initialize(text, path)
      @made = ::Hash.new { |hash, key| hash[key] = [] }
      instance_eval(text, path)
    end

    def method_missing(name, *values)
      @made[name] << values
    end

    def respond_to_missing?(*)
      true
    end
  end

  def calls(name)
    Calls.new(ROOT.join(name).read, name).made
  end

  def supported
    calls('metadata.rb')[:supports].to_h
  end

  def test_metadata
    metadata = calls('metadata.rb')
    known = %i(name maintainer maintainer_email license description version chef_version supports)
    assert_equal(known.sort, metadata.keys.sort)
    one = ->(key) { metadata[key].fetch(0).fetch(0) }
    assert_equal('cwmem', one[:name])
    assert_match(/\A\d+\.\d+\.\d+\z/, one[:version])
    assert_equal('>= 16.0', one[:chef_version])
    assert_equal('Apache-2.0 OR MIT', one[:license])
    supported.each_value { |floor| assert_match(/\A>= \d+\.\d+\z/, floor) }
    assert_includes(ROOT.join('CHANGELOG.md').read, "\n## #{one[:version]}\n")
  end

  def test_the_documents_have_every_resource_and_property
    text = ROOT.join('documentation/RESOURCES.md').read
    shown = text.split(/^## /).drop(1).to_h do |part|
      heading = part.lines.first.strip
      rows = part.lines.grep(/^\| `/).map { |line| line.split('|')[1].strip.delete('`') }
      [heading, rows]
    end
    expected = Recorder::Custom.all.to_h do |type, resource|
      sections = Cwmem::Settings::SECTIONS.map { |name| :"#{name}_section" }
      names = resource.properties.keys - sections
      names << '*SECTION*_section' if type == :cwmem_config
      [type.to_s, names.map(&:to_s)]
    end
    assert_equal(expected.to_a.sort, shown.to_a.sort)
    Recorder::Custom.all.each do |type, resource|
      part = text.split(/^## /).find { |found| found.start_with?("#{type}\n") }
      actions = part[/^Actions: (.*)\.$/, 1].scan(/`:(\w+)`/).flatten.map(&:to_sym)
      assert_equal(resource.actions.keys.sort, actions.sort, type)
    end
    Cwmem::Settings::SECTIONS.each { |section| assert_includes(text, "`#{section}`") }
  end

  def test_the_readme_has_every_attribute_and_resource
    text = ROOT.join('README.md').read
    attributes = ROOT.join('attributes/default.rb').read.scan(/^default(\[.*\]) =/).flatten
    assert_equal(attributes, text.scan(/^\| `(\['cwmem'\].*?)` \|/).flatten)
    Recorder::Custom.all.each_key { |type| assert_includes(text, "`#{type}`") }
    supported.each { |platform, floor| assert_match(/^\| #{platform} +\| #{floor.delete_prefix('>= ').delete_suffix('.0')} /, text) }
  end

  def test_kitchen_runs_everywhere_twice
    kitchen = YAML.safe_load(ERB.new(ROOT.join("kitchen.yml").read).result, aliases: true)
    provisioner = kitchen.fetch('provisioner')
    assert_equal([2, true, true], provisioner.values_at('multiple_converge', 'enforce_idempotency', 'deprecations_as_errors'))
    kitchen.fetch('platforms').each do |platform|
      name, version = platform.fetch('name').match(/\A([a-z]+)-([\d.]+)\z/).captures
      name = { 'amazonlinux' => 'amazon' }.fetch(name, name)
      assert_operator(Gem::Version.new(version), :>=, Gem::Version.new(supported.fetch(name).delete_prefix('>= ')))
    end
    kitchen.fetch('suites').each do |suite|
      assert_equal(['recipe[cwmem::default]'], suite.fetch('run_list'))
      suite.fetch('verifier').fetch('inspec_tests').each { |path| assert(ROOT.join(path, 'inspec.yml').file?, path) }
      attributes = suite.fetch('attributes').fetch('cwmem')
      lines = Recorder.new(attributes: attributes).recipe('default').lines
      assert(lines.any? { |line| line.start_with?('cwmem_service[cwmem] start') }, lines.join("\n"))
    end
  end

  def test_the_policyfile_names_the_cookbook
    policy = calls('Policyfile.rb')
    assert_equal([['cwmem']], policy[:name])
    assert_equal([['cwmem::default']], policy[:run_list])
    assert_equal([['cwmem', { path: '.' }]], policy[:cookbook])
  end

  def test_the_profile_is_one
    profile = YAML.safe_load(ROOT.join('test/integration/default/inspec.yml').read)
    assert_equal(%w(cwmem-default), [profile.fetch('name')])
    controls = ROOT.glob('test/integration/default/controls/*.rb').flat_map { |path| path.read.scan(/^control '([\w-]+)' do$/) }
    assert_operator(controls.size, :>=, 5)
    assert_equal(controls, controls.uniq)
  end

  def test_what_is_for_tests_is_not_uploaded
    ignored = ROOT.join('chefignore').readlines(chomp: true)
    %w(test/* kitchen.yml Policyfile.rb).each { |pattern| assert_includes(ignored, pattern) }
  end
end
