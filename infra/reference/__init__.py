"""The generated pages of docs/reference/: commands, YAML fields, hooks, checks, SQL and tables."""
