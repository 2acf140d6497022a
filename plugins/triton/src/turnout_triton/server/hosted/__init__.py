"""What runs inside Triton, in its private environment: numpy and one runtime are there, Turnout is not."""
