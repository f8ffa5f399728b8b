"""Measure how much memory the services of docker-compose.yml need.

    python -m infra.memory --limit 1000 --swap 0

The services run with their own commands and settings, in a memory limit of the kernel, and work on a day
of 200 sensors. No container engine is needed.
"""
