"""Kubernetes manifests; Python only in tests/."""
