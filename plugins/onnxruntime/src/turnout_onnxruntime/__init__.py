"""ONNX Runtime models in this process."""
