"""Options of the picture steps in turnout.yaml, one module per family of steps."""
