"""What must not become dearer unnoticed: instructions of decoding, and server CPU a request over the floor's.

Both are compared with `expected.json`, in every `make test`. `python -m bench.gate` measures them and writes that file.
"""
