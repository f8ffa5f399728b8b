"""Work: plan, run, check and record."""
