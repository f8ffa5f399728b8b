"""Do the work: plan, run, check and record."""
