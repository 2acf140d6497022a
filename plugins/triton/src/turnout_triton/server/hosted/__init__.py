"""Code that runs inside Triton, in its private environment: with numpy and one runtime, without Turnout."""
