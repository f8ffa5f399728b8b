"""The definition of a project: YAML to located, typed values."""
