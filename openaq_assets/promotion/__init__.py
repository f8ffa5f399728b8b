"""Changes of an environment's views: promote, rollback, journal, diff."""
