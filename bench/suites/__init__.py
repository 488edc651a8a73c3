"""pytest-benchmark suites: the parts (`test_micro`), both doors (`test_doors`) and the whole way (`test_end_to_end`).

`python -m bench.suites` runs all of them and keeps what they found under bench/results.
"""
