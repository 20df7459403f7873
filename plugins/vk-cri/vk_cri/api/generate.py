"""`python -m vk_cri.api.generate [FOLDER]`: makes Python modules of the `.proto` files, with grpcio-tools.

What it makes is committed, so that nobody who installs the package needs a compiler; a test compares.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of the package, so that files are known to protobuf, which has one pool of them, by their full names."""


def generate(folder: Path) -> None:
    """Write `vk_cri/api/*_pb2.py` and `*_pb2.pyi` below a folder.

    Raises:
        CalledProcessError: protoc does not like what it reads.
    """
    names = [str(path) for path in sorted((ROOT / "vk_cri" / "api").glob("*.proto"))]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", f"--python_out={folder}", f"--pyi_out={folder}"]
    subprocess.run([*command, *names], check=True)
    for path in (folder / "vk_cri" / "api").glob("*_pb2.py*"):
        # Not for formatters and linters to change; and protoc writes mappings without the types of what is in them.
        text = path.read_text().replace("_Mapping]", "_Mapping[str, object]]")
        path.write_text(f"# ruff: noqa\n# fmt: off\n{text}")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
