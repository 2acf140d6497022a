"""Drawing the results of steps on their picture."""
