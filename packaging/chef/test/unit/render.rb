# frozen_string_literal: true

require_relative 'cases'
require_relative 'recorder'
require_relative 'platforms'
require 'json'

# Prints what is rendered and what it has to be read back as, for other programs to judge: JSON lines
# of a name, the TOML, the same hash with each value's type written beside it and, of configurations,
# the command that verifies them and, if
# they are wrong, what it says.
module Render
  class << self
    def all
      Recorder.load_libraries
      Cases::HOSTILE.map { |name, hash| { name: name, toml: Cwmem::Toml.render(hash), expected: typed(hash) } } +
        Platforms::ALL.map { |name, attributes| configuration(name, Platforms.converge(name), attributes['config'] || {}) } +
        [configuration('awkward', config(Cases::AWKWARD), Cases::AWKWARD)] +
        Cases::WRONG.map { |name, (hash, refusal)| configuration(name, config(hash), hash).merge(refusal: refusal) }
    end

    private

    def config(hash)
      Recorder.new.run { cwmem_config('/etc/cwmem/cwmem.toml') { settings hash } }
    end

    def configuration(name, recorder, hash)
      file = recorder.find(:file, '/etc/cwmem/cwmem.toml').values
      { name: name, toml: file[:content], expected: typed(hash), verify: file[:verify] }
    end

    def typed(value)
      case value
      when Hash then ['table', value.compact.to_h { |key, below| [key.to_s, typed(below)] }]
      when Array then ['array', value.map { |below| typed(below) }]
      when DateTime then ['time', value.to_time.to_r.to_s]
      when Time then ['time', value.to_r.to_s]
      when Date then ['date', value.iso8601]
      when Integer then ['integer', value.to_s]
      when Float then ['float', [value].pack('G').unpack1('H*')]
      when true, false then ['boolean', value.to_s]
      else ['string', text(value.to_s)]
      end
    end

    def text(string)
      string.encoding == Encoding::BINARY ? string.dup.force_encoding('UTF-8') : string.encode('UTF-8')
    end
  end
end

Render.all.each { |line| puts JSON.generate(line) }
