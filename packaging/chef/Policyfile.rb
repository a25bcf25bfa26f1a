# frozen_string_literal: true

name 'cwmem'
default_source :supermarket
run_list 'cwmem::default'
cookbook 'cwmem', path: '.'
