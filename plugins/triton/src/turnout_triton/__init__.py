"""Turnout's backend for NVIDIA Triton Inference Server, with its model repository and a local server."""
