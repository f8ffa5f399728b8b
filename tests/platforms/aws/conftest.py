"""The endpoint, and lakes in it."""

from support.aws_lakes import endpoint, lake, lake_of, listening
from support.glue_days import script

__all__ = ["endpoint", "lake", "lake_of", "listening", "script"]
