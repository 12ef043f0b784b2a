"""Build the kernels, all C files under shared/evalstream, into one library: when a wheel is built, or by hand.

The compiler is that of the package ``ziglang``, which the package index brings as a requirement of the build: nothing
else has to be there, and everybody's kernels are compiled by the same one. The library knows nothing of Python, so one
wheel serves every version of it.

    python hatch_build.py    builds it anew in a checkout, where ziglang is installed
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, where only the compiler is installed
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
#: The oldest GNU C library that the kernels shall work with: that of the wheels of NumPy.
GLIBC = (2, 28)
FLAGS = (
    *("-shared", "-s", "-std=c11", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"),
    # Any processor of the kind, and the arithmetic that is written: no operation joined with another, none reordered.
    *("-mcpu=baseline", "-ffp-contract=off", "-fno-fast-math"),
    # Square roots are one instruction; integers wrap; nothing is added that would end the process.
    *("-fno-math-errno", "-fwrapv", "-fno-sanitize=undefined"),
)


def sources(root: Path) -> list[Path]:
    """Return the C files, headers included, in the order of their paths."""
    return sorted(path for suffix in ("c", "h") for path in (root / "shared" / "evalstream").rglob(f"*.{suffix}"))


def digest(root: Path) -> str:
    """Return a hash of all C files, which the library is given, so that a stale one can be told."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources(root))).hexdigest()


def library(root: Path) -> Path:
    """Return where the library belongs; the same as ``evalstream.native.LIBRARY``."""
    suffix = {"win32": "dll", "darwin": "dylib"}.get(sys.platform, "so")
    return root / "shared" / "evalstream" / "native" / f"kernels.{suffix}"


def build(root: Path, *flags: str) -> Path:
    """Compile; put the library in its place at once and whole. Says what the compiler said if it fails."""
    target = library(root)
    new = target.with_name(f".{os.getpid()}.{target.name}")
    where = ["-target", f"{platform.machine()}-linux-gnu.{GLIBC[0]}.{GLIBC[1]}"] if _is_glibc() else []
    files = [str(path) for path in sources(root) if path.suffix == ".c"]
    command = [sys.executable, "-m", "ziglang", "cc", *where, *FLAGS, *flags, f'-DSOURCES="{digest(root)}"']
    done = subprocess.run([*command, "-o", str(new), *files, "-lm"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"evalstream's kernels were not built: {' '.join(command)}\n{done.stderr}")
    new.replace(target)
    return target


def tag() -> str:
    """Return the wheel's tag: any Python 3, this kind of machine."""
    if _is_glibc():
        return f"py3-none-manylinux_{GLIBC[0]}_{GLIBC[1]}_{platform.machine()}"
    from packaging.tags import platform_tags

    return f"py3-none-{next(iter(platform_tags()))}"


def _is_glibc() -> bool:
    return sys.platform == "linux" and platform.libc_ver()[0] == "glibc"


class KernelsHook(BuildHookInterface):
    """Hatchling's hook: builds the library before a wheel, or an editable installation, is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and say for what machines the wheel is."""
        build(Path(self.root))
        build_data["pure_python"] = False
        build_data["tag"] = tag()


if __name__ == "__main__":
    print(build(ROOT))
