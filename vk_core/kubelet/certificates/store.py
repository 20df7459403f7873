"""Where keys and certificates of a node are kept between two runs: files that only their owner can read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vk_core.kubelet.certificates.keypair import BadKeyPairError, KeyPair


def state_folder(node_name: str) -> Path:
    """The folder of a node unless `--cert-dir` names one (XDG Base Directory: `$XDG_STATE_HOME`)."""
    root = os.environ.get("XDG_STATE_HOME") or ""
    base = Path(root) if Path(root).is_absolute() else Path("~/.local/state").expanduser()
    return base / "virtual-kubelet" / node_name


class PairFile:
    """One file with a private key and its certificate.

    Attributes:
        path: the file; key and certificate are in one, so that they are replaced together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> KeyPair | None:
        """What is kept; None when there is nothing of use.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            pem = self.path.read_bytes()
            return KeyPair.parse(pem, pem)
        except (FileNotFoundError, BadKeyPairError):
            return None

    def save(self, pair: KeyPair) -> None:
        """Put another one in its place at once, mode 0600.

        Raises:
            OSError: it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, name = tempfile.mkstemp(prefix=f".{self.path.name}-", dir=self.path.parent)  # made with mode 0600
        temporary = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(pair.pem)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
