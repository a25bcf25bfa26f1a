# frozen_string_literal: true

require 'pathname'

# Enough of Chef's language to run this cookbook's recipe and resources and write down what they would
# declare. It converges nothing; but it knows the properties of the resources that are used here and
# refuses others, so a slip of the pen is found without a Chef.
class Recorder
  COOKBOOK = Pathname(__dir__).join('../..').expand_path

  # The properties that are used of Chef's own resources.
  CORE = {
    file: %i(content owner group mode sensitive verify), directory: %i(owner group mode),
    remote_file: %i(source checksum mode), execute: %i(command), package: %i(version),
    dpkg_package: %i(source options), dnf_package: %i(source), service: %i(supports)
  }.freeze

  # Methods of Chef::Resource that a property may not be called like (its own source).
  TAKEN = %i(
    identity state name action sensitive description retries inspect hash method display log_level not_if only_if
    notifies subscribes node run_context provider cookbook_name recipe_name params updated guard_interpreter
  ).freeze

  # What stands in for the host.
  Host = Struct.new(:running, :bags, keyword_init: true)

  attr_reader :lines, :node, :host, :declared

  def self.load_libraries
    return if defined?(Cwmem)

    COOKBOOK.glob('libraries/*.rb').sort.each { |path| Kernel.load(path.to_s) }
  end

  # `path` of attributes, as in a node's JSON: {'package' => {'source' => ...}}.
  def initialize(attributes: {}, running: false, bags: {})
    Recorder.load_libraries
    @host = Host.new(running: running, bags: bags)
    @lines = []
    @declared = []
    @roots = {}
    @depth = 0
    @custom = Custom.all
    @node = Attributes.new.read(COOKBOOK.join('attributes/default.rb')).merge(attributes)
  end

  def recipe(name)
    Scope.new(self).instance_eval(COOKBOOK.join("recipes/#{name}.rb").read, "recipes/#{name}.rb")
    self
  end

  def run(&block)
    Scope.new(self).instance_eval(&block)
    self
  end

  # What a recipe or an action declares, at once, as unified mode has it.
  def declare(type, name, scope, &block)
    resource = @custom.key?(type) ? @custom[type].new(name) : Core.new(type, name)
    resource.evaluate(scope, &block)
    @declared << resource
    resource.actions.each do |action|
      @lines << "#{'  ' * @depth}#{resource.line(action)}"
      next unless resource.is_a?(Custom)

      @depth += 1
      resource.perform(action, self)
      @depth -= 1
    end
    resource
  end

  def root(type, name, &block)
    @roots[[type, name]] ||= Core.new(type, name).evaluate(nil, &block)
  end

  def knows?(type)
    CORE.key?(type) || @custom.key?(type)
  end

  def find(type, name = nil)
    @declared.find { |resource| resource.type == type && (name.nil? || resource.name == name) }
  end

  # attributes/default.rb, and a node's own over it.
  class Attributes
    def initialize
      @tree = Hash.new { |hash, key| hash[key] = Hash.new(&hash.default_proc) }
    end

    def read(path)
      instance_eval(path.read, path.to_s)
      self
    end

    def default
      @tree
    end

    def merge(attributes)
      { 'cwmem' => deep(plain(@tree['cwmem']), attributes) }
    end

    private

    def plain(value)
      value.is_a?(Hash) ? value.to_h { |key, below| [key, plain(below)] } : value
    end

    def deep(one, other)
      one.merge(other) { |_, was, is| was.is_a?(Hash) && is.is_a?(Hash) ? deep(was, is) : is }
    end
  end

  # Where a recipe or an action runs: resources by their names, and what they may ask.
  class Scope
    attr_reader :new_resource

    def initialize(recorder, new_resource = nil)
      @recorder = recorder
      @new_resource = new_resource
    end

    def node
      @recorder.node
    end

    def data_bag_item(bag, item)
      @recorder.host.bags.fetch([bag, item])
    end

    def shell_out(*command)
      raise "unexpected: #{command.inspect}" unless command == %w(systemctl is-active --quiet cwmem.service)

      Struct.new(:exitstatus).new(@recorder.host.running ? 0 : 3)
    end

    def with_run_context(which)
      raise "unexpected: #{which}" unless which == :root

      yield
    end

    def find_resource(type, name, &block)
      @recorder.root(type, name, &block)
    end

    def method_missing(type, name = nil, *rest, &block)
      return super unless @recorder.knows?(type) && rest.empty?

      @recorder.declare(type, name, self, &block)
    end

    def respond_to_missing?(type, all = false)
      @recorder.knows?(type) || super
    end
  end

  # What all resources have.
  class Resource
    attr_reader :type, :name, :values, :notifications

    def initialize(type, name)
      @type = type
      @name = name
      @values = {}
      @notifications = []
      @guards = []
    end

    # A block sees the resource itself and, as in Chef, what it stands in.
    def evaluate(scope, &block)
      @scope = scope
      instance_eval(&block) if block
      validate
      self
    end

    def node
      @scope.node
    end

    def new_resource
      @scope.new_resource
    end

    def data_bag_item(bag, item)
      @scope.data_bag_item(bag, item)
    end

    def action(*names)
      @actions = names.flatten
    end

    def notifies(action, resource, timer)
      raise "#{self}: expected a resource, found #{resource.inspect}" unless resource.is_a?(Resource)
      raise "#{self}: #{timer}" unless %i(delayed immediately).include?(timer)

      @notifications << "#{action} #{resource} #{timer}"
    end

    def only_if(&block)
      @guards << 'only_if' if block
    end

    def not_if(&block)
      @guards << 'not_if' if block
    end

    def to_s
      "#{type}[#{name}]"
    end

    def line(action)
      shown = values.reject { |_, value| value.nil? }.map { |key, value| "#{key}=#{sensitive?(key) ? '(sensitive)' : value.inspect}" }
      ([to_s, action] + shown + @guards + @notifications.map { |text| "-> #{text}" }).join(' ')
    end

    private

    def validate; end
  end

  # One of Chef's own.
  class Core < Resource
    DEFAULT = { file: :create, directory: :create, remote_file: :create, execute: :run, package: :install }.freeze

    def actions
      @actions || [DEFAULT.fetch(type)]
    end

    def method_missing(property, *value)
      return super unless CORE.fetch(type).include?(property) && value.size == 1

      values[property] = value.first
    end

    def respond_to_missing?(property, all = false)
      CORE.fetch(type).include?(property) || super
    end

    def sensitive?(key)
      key == :content && values[:sensitive]
    end
  end

  # One of resources/*.rb.
  class Custom < Resource
    class << self
      attr_reader :properties, :actions, :type, :text, :first, :helpers

      def all
        COOKBOOK.glob('resources/*.rb').sort.to_h do |path|
          resource = Class.new(self)
          resource.class_eval(path.read, path.to_s)
          raise "#{path}: expected to provide cwmem_#{path.basename('.rb')}" unless resource.type == :"cwmem_#{path.basename('.rb')}"

          [resource.type, resource]
        end
      end

      def provides(type)
        @type = type
        @properties = {}
        @actions = {}
        @helpers = Module.new
      end

      def unified_mode(value)
        @unified = value
      end

      def description(text)
        @text = text
      end

      def property(name, type, **options)
        unknown = options.keys - %i(default description name_property regex sensitive)
        raise "#{self.type}.#{name}: unknown #{unknown}" unless unknown.empty?
        raise "#{self.type}.#{name}: expected a description" unless options[:description]
        raise "#{self.type}.#{name}: this is a method of Chef::Resource" if TAKEN.include?(name)

        @properties[name] = options.merge(type: type)
        define_method(name) { |*value| value.empty? ? values.fetch(name) { default_of(name) } : values[name] = value.first }
      end

      def default_action(names)
        @first = Array(names)
      end

      def action(name, &block)
        raise "#{type}: expected unified_mode true and a description" unless @unified && @text

        @actions[name] = block
      end

      def action_class(&block)
        @helpers.module_eval(&block)
      end
    end

    def initialize(name)
      super(self.class.type, name)
    end

    def actions
      @actions || self.class.first
    end

    def perform(action, recorder)
      scope = Scope.new(recorder, self)
      scope.extend(self.class.helpers)
      scope.instance_eval(&self.class.actions.fetch(action))
    end

    def sensitive?(key)
      self.class.properties[key][:sensitive]
    end

    private

    def default_of(name)
      options = self.class.properties.fetch(name)
      options[:name_property] ? self.name : options[:default]
    end

    def validate
      self.class.properties.each do |name, options|
        value = values.fetch(name) { default_of(name) }
        next if value.nil?
        raise "#{self}: #{name}: expected a #{options[:type]}, found a #{value.class}" unless value.is_a?(options[:type])
        raise "#{self}: #{name}: doesn't match #{options[:regex].inspect}" if options[:regex] && !value.match?(options[:regex])
      end
    end
  end
end

# The one setting of Chef's that is asked for.
module Chef
  Config = { file_cache_path: '/var/chef/cache' }.freeze
end
