# frozen_string_literal: true

require_relative 'helper'

class TomlTest < Minitest::Test
  def check(hash, expected)
    assert_equal(expected, Cwmem::Toml.render(hash))
  end

  def test_tables_follow_their_plain_values
    check({ 'b' => { 'y' => 1, 'x' => { 'z' => [1, 2] } }, 'a' => 'top' }, <<~TOML)
      a = "top"

      [b]
      y = 1

      [b.x]
      z = [1, 2]
    TOML
  end

  def test_a_list_of_hashes_is_an_array_of_tables
    check({ 'a' => { 'list' => [{ 'k' => 1 }, { 'sub' => { 'l' => 2 } }, {}] } }, <<~TOML)
      [a]

      [[a.list]]
      k = 1

      [[a.list]]

      [a.list.sub]
      l = 2

      [[a.list]]
    TOML
  end

  def test_a_hash_among_other_values_stands_in_the_line
    check({ 'a' => ['x', { 'k' => 1, 'l m' => [{ 'n' => nil }] }] }, "a = [\"x\", { k = 1, \"l m\" = [{}] }]\n")
  end

  def test_strings
    check({ 'a' => "\"\\\b\t\n\f\r\0\e\u007fé" }, "a = \"\\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001B\\u007Fé\"\n")
  end

  def test_keys_are_quoted_where_they_have_to_be
    check({ 'a.b' => { 'c d' => { '' => 1, 'e-f_1' => 2 } } }, <<~TOML)
      ["a.b"]

      ["a.b"."c d"]
      "" = 1
      e-f_1 = 2
    TOML
  end

  def test_times
    check({ 'd' => Date.new(2026, 1, 2), 't' => Time.new(2026, 1, 2, 3, 4, 5.25r, '+01:00') }, <<~TOML)
      d = 2026-01-02
      t = 2026-01-02T02:04:05.25Z
    TOML
  end

  def test_numbers
    check({ 'a' => 1e20, 'b' => -0.0, 'c' => Float::NAN, 'd' => -Float::INFINITY, 'e' => 1 }, <<~TOML)
      a = 1.0e+20
      b = -0.0
      c = nan
      d = -inf
      e = 1
    TOML
  end

  def test_nil_is_left_out
    check({ 'a' => nil, 'b' => { 'c' => nil } }, "[b]\n")
  end

  def test_the_order_of_the_hash_is_of_no_account
    backwards = lambda do |value|
      value.is_a?(Hash) ? value.to_a.reverse.to_h { |key, below| [key, backwards.call(below)] } : value
    end
    Cases::HOSTILE.each do |name, hash|
      assert_equal(Cwmem::Toml.render(hash), Cwmem::Toml.render(backwards.call(hash)), name)
    end
  end

  def test_what_is_rendered_is_text_and_left_as_it_was
    Cases::HOSTILE.each_value do |hash|
      before = Marshal.dump(hash)
      text = Cwmem::Toml.render(hash)
      assert(text.encoding == Encoding::UTF_8 && text.valid_encoding?)
      # No control character but the line's end is in the file: nothing hides from who looks at it.
      refute_match(/[\u0000-\u0009\u000b-\u001f\u007f]/, text)
      assert_equal(before, Marshal.dump(hash))
    end
  end

  def test_what_cannot_be_said_is_refused_by_name
    Cases::REFUSED.each do |name, (hash, message)|
      error = assert_raises(Cwmem::Toml::Unfit, name) { Cwmem::Toml.render(hash) }
      assert_equal(message, error.message, name)
    end
  end

  def test_an_error_has_no_value_in_it
    error = assert_raises(Cwmem::Toml::Unfit) { Cwmem::Toml.render('a' => "geheim\xff") }
    refute_includes(error.message, 'geheim')
  end
end
