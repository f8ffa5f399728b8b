"""Data Studio through OWOX Data Marts: what is to be made there, its proof, and what can be scripted."""
