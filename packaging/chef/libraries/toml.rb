# frozen_string_literal: true

require 'date'

module Cwmem
  # Renders a Ruby hash as TOML 1.0: any hash that node attributes, a data bag or a property can hold,
  # in an order that depends on nothing but the keys. What TOML cannot say is an error that names the
  # key; nothing is left out silently but nil, which is how a key is taken back.
  module Toml
    # What is wrong with a value, and where it is.
    class Unfit < ArgumentError; end

    DEEPEST = 32
    INTEGERS = (-(2**63)..(2**63 - 1)).freeze
    ESCAPES = {
      "\b" => '\b', "\t" => '\t', "\n" => '\n', "\f" => '\f', "\r" => '\r', '"' => '\"', '\\' => '\\\\'
    }.freeze

    class << self
      def render(hash)
        text = +''
        table(text, [], pairs(hash, []))
        text.sub(/\A\n+/, '')
      end

      private

      # Plain values first: what follows a header belongs to that table.
      def table(text, path, pairs)
        plain, nested = pairs.partition { |_, value| !header?(value) }
        plain.each { |name, value| text << key(name, path) << ' = ' << value(value, path + [name]) << "\n" }
        nested.each do |name, value|
          below = path + [name]
          header = below.map { |part| key(part, path) }.join('.')
          if value.is_a?(Hash)
            text << "\n[#{header}]\n"
            table(text, below, pairs(value, below))
          else
            value.each_with_index do |element, index|
              text << "\n[[#{header}]]\n"
              table(text, below, pairs(element, below + [index]))
            end
          end
        end
      end

      # Whether a value stands under a header of its own.
      def header?(value)
        return true if value.is_a?(Hash)

        value.is_a?(Array) && !value.empty? && value.all?(Hash)
      end

      # Names as strings and in order, without those that are nil.
      def pairs(hash, path)
        raise unfit(path, 'expected a hash', hash) unless hash.is_a?(Hash)
        raise unfit(path, "expected at most #{DEEPEST} levels", hash) if path.size > DEEPEST

        found = {}
        hash.each do |name, value|
          unless name.is_a?(String) || name.is_a?(Symbol)
            raise unfit(path, 'expected a string or a symbol as key', name)
          end

          name = utf8(name.to_s, path)
          raise unfit(path + [name], 'expected the key once', 'it twice') if found.key?(name)

          found[name] = value
        end
        found.compact.sort_by(&:first)
      end

      def key(name, path)
        name.match?(/\A[A-Za-z0-9_-]+\z/) ? name : string(name, path)
      end

      def value(value, path)
        case value
        when String, Symbol then string(value.to_s, path)
        when true, false then value.to_s
        when Integer then integer(value, path)
        when Float then float(value)
        when DateTime then time(value.to_time, path)
        when Time then time(value, path)
        when Date then date(value, path)
        when Array then array(value, path)
        when Hash then inline(value, path)
        else
          raise unfit(path, 'expected a string, number, boolean, time, array or hash', value)
        end
      end

      def string(text, path)
        escaped = utf8(text, path).gsub(/["\\\u0000-\u001f\u007f]/) do |found|
          ESCAPES.fetch(found) { format('\u%04X', found.ord) }
        end
        "\"#{escaped}\""
      end

      # What came without an encoding is taken for UTF-8.
      def utf8(text, path)
        text = text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
        raise unfit(path, 'expected UTF-8', 'other bytes') unless text.valid_encoding?

        text.encode(Encoding::UTF_8)
      rescue EncodingError
        raise unfit(path, 'expected text that has a form in UTF-8', text.encoding.name)
      end

      def integer(value, path)
        raise unfit(path, 'expected an integer of 64 bits', value) unless INTEGERS.cover?(value)

        value.to_s
      end

      def float(value)
        return 'nan' if value.nan?
        return value.positive? ? 'inf' : '-inf' if value.infinite?

        value.to_s
      end

      # In UTC, so that the text depends on no host's time zone.
      def time(value, path)
        value = value.getutc
        year(value, path)
        fraction = value.nsec.zero? ? '' : value.strftime('.%N').sub(/0+\z/, '')
        value.strftime("%Y-%m-%dT%H:%M:%S#{fraction}Z")
      end

      def date(value, path)
        year(value, path)
        value.strftime('%Y-%m-%d')
      end

      def year(value, path)
        raise unfit(path, 'expected a year of four digits', value.year) unless (0..9999).cover?(value.year)
      end

      def array(value, path)
        raise unfit(path, "expected at most #{DEEPEST} levels", value) if path.size > DEEPEST

        "[#{value.each_with_index.map { |element, index| value(element, path + [index]) }.join(', ')}]"
      end

      # A hash among the elements of an array.
      def inline(value, path)
        inside = pairs(value, path).map { |name, below| "#{key(name, path)} = #{value(below, path + [name])}" }
        inside.empty? ? '{}' : "{ #{inside.join(', ')} }"
      end

      # Never the value itself: it may be a secret that was put where none belongs.
      def unfit(path, expected, found)
        found = found.class unless found.is_a?(String) || found.is_a?(Integer)
        Unfit.new("#{path.empty? ? 'the settings' : path.join('.')}: #{expected}, found #{found}")
      end
    end
  end
end
