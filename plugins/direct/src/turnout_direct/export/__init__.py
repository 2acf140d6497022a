"""Writing a loaded PyTorch model as a file that other backends run."""
