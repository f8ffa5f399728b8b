"""What tests of plugins and platforms need."""
