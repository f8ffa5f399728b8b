"""The platforms of one machine: files or memory, Polars and DuckDB."""
