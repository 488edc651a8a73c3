"""What a call costs at penstock's doors, beside a bare HTTP/2 server and beside other servers, in one run.

`python -m bench.doors` starts all servers, loads them in turn, checks answers while it does, and writes
bench/results/doors.md.
"""
