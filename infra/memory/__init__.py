"""How much memory the services of docker-compose.yml need, measured: their commands and settings, a memory
limit of the kernel, and a day of 200 sensors. No container engine is needed.

    python -m infra.memory --limit 1000 --swap 0
"""
