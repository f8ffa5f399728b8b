"""Drive the engine from the command line; the package ``airflow`` is the other driver."""
