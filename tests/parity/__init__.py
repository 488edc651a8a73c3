"""Live comparisons with the libraries whose functions docs/feature-operations.md says operations equal.

`make parity` makes an environment under build/ that has them all. Elsewhere those whose library is missing skip and say
so.
"""
