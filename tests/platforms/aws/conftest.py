"""The endpoint, and lakes in it."""

from support.aws_lakes import endpoint, lake, lake_of, listening

__all__ = ["endpoint", "lake", "lake_of", "listening"]
