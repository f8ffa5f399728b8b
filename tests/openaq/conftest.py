"""Platforms that must all behave alike."""

from support.lakes import endpoint, lake, listening

__all__ = ["endpoint", "lake", "listening"]
