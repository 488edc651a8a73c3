"""The peers' environments under build/peers, apart from the project's own and from each other.

torch is not installed into each: all find the project's, the CPU build that it was set up with, in a folder of links.
So every server runs the same torch, and it takes the disk once.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench import triton_server
from bench.doors.servers import UnavailableError

_ROOT = Path(__file__).parents[2]
_BUILT = _ROOT / "build" / "peers"
_REQUIREMENTS = Path(__file__).parent / "requirements"
_TRITON = "triton"
# All of them together, from nothing; what takes longer is reported as not installed.
_MOST_S = 15 * 60.0
_STAMP = "installed"


class Environments:
    """Installs what is not there yet, all within one limit of time."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _MOST_S

    def install(self, name: str) -> None:
        """Nothing where it is there as its requirements are now. Raises UnavailableError."""
        if name == _TRITON:
            if not triton_server.is_installed():
                self._run([str(_ROOT / "bench" / "triton_setup.sh")])
            return
        folder = _BUILT / name
        stamp, wanted = folder / _STAMP, _wanted(name)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"peers: {name} into {folder.relative_to(_ROOT)}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        self._run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
        (_packages(folder) / "torch.pth").write_text(f"{_link_torch()}\n")
        pip = [sys.executable, "-m", "pip", "--python", str(python(name)), "--disable-pip-version-check"]
        # torch by name: pip finds that it is there, and installs what it needs besides.
        torch = f"torch=={_torch_version()}"
        self._run([*pip, "install", "--quiet", torch, "--requirement", str(_REQUIREMENTS / f"{name}.txt")])
        stamp.write_text(wanted)

    def _run(self, words: Sequence[str]) -> None:
        left_s = self._until - time.monotonic()
        try:
            done = subprocess.run(  # noqa: S603 - named above
                words, capture_output=True, text=True, timeout=max(left_s, 0.0), check=False
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(
                f"it was not installed within {_MOST_S / 60:.0f} minutes for all"
            ) from error
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip() or "no word of why").splitlines()[-1]
            raise UnavailableError(f"it cannot be installed: {last}")


def python(name: str) -> Path:
    """The environment's interpreter."""
    return _BUILT / name / "bin" / "python"


def versions(name: str, packages: Sequence[str]) -> str:
    """What is installed there of these packages, and its Python's torch. `name` is empty for the project's own."""
    if name == _TRITON:
        return f"Triton {triton_server.VERSION}, torch {version('torch')}"
    if not name:
        found = [f"{package} {version(package)}" for package in packages]
    else:
        script = "import sys, importlib.metadata as m; print(*(f'{p} {m.version(p)}' for p in sys.argv[1:]), sep='\\n')"
        words = [str(python(name)), "-c", script, *packages]
        found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603 - that Python
    return ", ".join([*found, f"torch {version('torch')}"])


def _link_torch() -> Path:
    """A folder with the project's torch and nothing else."""
    folder = _BUILT / "torch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for pattern in ("torch", "torchgen", "functorch", "torch.libs", "torch-*.dist-info"):
        for found in Path(sysconfig.get_path("purelib")).glob(pattern):
            (folder / found.name).symlink_to(found.resolve())
    return folder


def _wanted(name: str) -> str:
    """What the environment is made from."""
    text = (_REQUIREMENTS / f"{name}.txt").read_text()
    made_from = f"{sys.version}\n{_torch_version()}\n{sysconfig.get_path('purelib')}\n{text}"
    return hashlib.sha256(made_from.encode()).hexdigest()


def _torch_version() -> str:
    """Without the name of the build."""
    return version("torch").partition("+")[0]


def _packages(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
