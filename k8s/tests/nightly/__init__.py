"""Longer simulations, by `make k8s-nightly` alone."""
