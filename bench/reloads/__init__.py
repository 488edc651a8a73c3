"""What loading a large model costs the calls that are served meanwhile: p99 with reloads against p99 without.

`model` has the versions that take turns, `turns` loads them and asks who answers, `run` the rounds, `__main__` the
command and its report.
"""
