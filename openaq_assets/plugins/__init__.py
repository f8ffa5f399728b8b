"""Extension: the hooks, the plugin manager and the built-in kinds of asset."""
