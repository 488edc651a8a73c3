"""Tests of k8s/ with a real control plane: `make k8s-test`."""
