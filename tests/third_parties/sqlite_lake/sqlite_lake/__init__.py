"""A platform whose whole lake is one SQLite file."""
