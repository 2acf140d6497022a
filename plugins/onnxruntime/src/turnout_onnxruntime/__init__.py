"""Turnout's backend for ONNX Runtime in this process."""
