"""Helpers of tests: servers, worlds, lakes, strategies and small projects."""
