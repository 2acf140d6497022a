"""Where code runs: at import, for each request, in threads, in loops, in training."""
