"""Measurements, run by hand and by ``make bench``; no test asserts a time."""
