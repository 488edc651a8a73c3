"""The program whose instructions are counted: `decode_calls.py FOLDER REQUEST CALLS` transforms a request so often.

It loads the extension by itself, since importing penstock would bring in numpy and grpcio, for seconds under valgrind.
"""

import importlib.util
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path

_NAME = "penstock._fastpath"
_FILE = Path(__file__).parents[2] / "service" / "penstock" / "_fastpath.abi3.so"


def main() -> None:
    folder, request, calls = sys.argv[1:]
    loader = ExtensionFileLoader(_NAME, str(_FILE))
    module = importlib.util.module_from_spec(ModuleSpec(_NAME, loader, origin=str(_FILE)))
    loader.exec_module(module)
    spec = module.ModelSpec.load(Path(folder))
    message = Path(request).read_bytes()
    for _ in range(int(calls)):
        spec.transform(message)


if __name__ == "__main__":
    main()
