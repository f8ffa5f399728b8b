"""Data Studio through OWOX Data Marts: the plan of its dashboard, a proof, and scripted setup."""
