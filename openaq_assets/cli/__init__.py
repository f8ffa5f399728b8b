"""The command line, one driver of the engine; Airflow is the other."""
