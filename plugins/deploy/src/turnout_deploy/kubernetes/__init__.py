"""Manifests for Kubernetes, as a kustomize base, components and overlays."""
