# frozen_string_literal: true

require 'digest'

module Cwmem
  # The configuration file as text, and whether a change of it needs a restart.
  module Settings
    # The sections of cwmem.toml; cwmem_config has a property for each.
    SECTIONS = %w(
      sample metrics cgroups processes dimensions publish pressure cloudwatch identity state recorder spool
      cluster alarms cost log
    ).freeze

    # A reload that changes one of these is refused by the agent (cwmem.toml(5)).
    RESTART = %w(state recorder cluster).freeze

    MARK = '# Needs a restart when it changes: '

    # A URL with user and password.
    PASSWORD = %r{\A[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]*:[^/?#]*@}n

    class << self
      # `settings` is the file as a hash; `sections` are single ones, which may not be in it too.
      def merge(settings, sections)
        twice = settings.keys.map(&:to_s) & sections.keys
        unless twice.empty?
          raise ArgumentError, "#{twice.join(', ')}: expected in settings or in a property of its own, found in both"
        end

        settings.merge(sections)
      end

      def text(settings)
        refuse_passwords(settings, [])
        "# Written by Chef (cwmem_config): what is changed here is gone after its next run.\n" \
          "#{MARK}#{fingerprint(settings)}\n\n#{Toml.render(settings)}"
      end

      # Two files have this line in common if a reload leads from one to the other.
      def restart?(before, after)
        mark(before) != mark(after)
      end

      # An environment file of systemd: what systemd.exec(5) would read otherwise is escaped.
      def environment(variables)
        lines = variables.map { |name, value| [name.to_s, value.to_s] }.sort.map do |name, value|
          unless name.match?(/\A[A-Za-z_][A-Za-z0-9_]*\z/)
            raise ArgumentError, "#{name.inspect}: expected the name of an environment variable"
          end
          if value.match?(/[[:cntrl:]]/)
            raise ArgumentError, "#{name}: expected a value without control characters"
          end

          "#{name}=\"#{value.gsub(/["\\$`]/) { |found| "\\#{found}" }}\"\n"
        end
        lines.join
      end

      # A unit's drop-in: {'Service' => {'ProtectProc' => 'invisible', 'IPAddressAllow' => [...]}}.
      def drop_in(sections)
        sections.map do |section, directives|
          lines = directives.flat_map do |name, values|
            Array(values).map { |value| "#{word(name)}=#{line(name, value)}\n" }
          end
          "[#{word(section)}]\n#{lines.join}"
        end.join("\n")
      end

      private

      # The file is readable by all, and what changes in it is printed.
      def refuse_passwords(value, path)
        case value
        when Hash then value.each { |name, below| refuse_passwords(below, path + [name]) }
        when Array then value.each_with_index { |below, index| refuse_passwords(below, path + [index]) }
        when String
          return unless value.b.match?(PASSWORD)

          raise ArgumentError, "#{path.join('.')}: expected a URL without a password, found one with it; " \
            'cwmem_credential has the place for that of the database, cwmem_environment for that of a proxy'
        end
      end

      def fingerprint(settings)
        part = RESTART.to_h { |name| [name, section(settings, name)] }
        # Members of a cluster have one period in common.
        part['period'] = section(settings, 'publish')['period'] unless part['cluster'].empty?
        Digest::SHA256.hexdigest(Toml.render(part))
      end

      def section(settings, name)
        found = settings.find { |key, _| key.to_s == name }&.last || {}
        found.is_a?(Hash) ? found.to_h { |key, value| [key.to_s, value] } : { 'value' => found }
      end

      # A file that somebody else wrote has none.
      def mark(text)
        text.lines.find { |line| line.start_with?(MARK) }
      end

      def word(name)
        name = name.to_s
        return name if name.match?(/\A[A-Za-z0-9-]+\z/)

        raise ArgumentError, "#{name.inspect}: expected the name of a unit's section or directive"
      end

      def line(name, value)
        value = value.to_s
        raise ArgumentError, "#{name}: expected a value of one line" if value.match?(/[\r\n]/)

        value
      end
    end
  end
end
