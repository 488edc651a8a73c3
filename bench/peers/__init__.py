"""penstock beside the servers that people run today, in one run: the same models, the same load, the same answers.

`python -m bench.peers` installs each server into an environment of its own, measures, and writes
bench/results/peers.md and the plots beside it.
"""
