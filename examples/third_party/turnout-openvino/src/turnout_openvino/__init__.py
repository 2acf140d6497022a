"""Turnout backend: OpenVINO in this process."""
