"""Deployment of the project: images, hosts, and tools that measure and install."""
