"""Tables of readings, a scale that weighs them, and a check that they rise."""
