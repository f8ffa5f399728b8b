"""Airflow as a driver: jobs become DAGs, assets tasks. The only package that imports airflow."""
