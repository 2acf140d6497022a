"""PyTorch models in this process."""
