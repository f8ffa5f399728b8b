"""The Air Quality Overview: a self-contained page drawn from the serving views."""
