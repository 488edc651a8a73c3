"""Real pods of the real image: containerd and the kubelet in namespaces of their own, an Envoy that behaves as an ALB.

`namespaces.sh` runs pytest for this folder; outside of it everything here skips and says why.
"""
