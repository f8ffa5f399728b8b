"""Athena SQL: what is allowed, its types, its lineage, and the way to DuckDB."""
