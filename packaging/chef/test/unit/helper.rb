# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'cases'
require_relative 'recorder'

Recorder.load_libraries
