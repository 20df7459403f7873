"""What is mounted where, from the kernel's own list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vk_core.host.mountinfo import MountPoint, mounts_below

LINES = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
43 27 0:39 / /var/lib/node\040one/pods/u rw,relatime - tmpfs tmpfs rw
44 27 0:39 / /var/lib/node\040one/pods/u/volumes/a rw,relatime shared:1 - tmpfs tmpfs rw
45 27 254:0 /x/../y /var/lib/node\040one/pods/u/\134134\011\012\043 rw,relatime master:3 - ext4 /dev/vda rw
46 27 0:40 / /var/lib/node\040one/pods/u2/volumes/a rw,relatime - tmpfs tmpfs rw
"""


def test_mounts_below_a_folder_are_found_by_their_real_names() -> None:
    assert mounts_below(LINES, b"/var/lib/node one/pods/u") == [
        MountPoint(44, b"volumes/a"),
        MountPoint(45, b"\\134\t\n#"),
    ]


def test_everything_is_below_the_root() -> None:
    assert MountPoint(22, b"proc") in mounts_below(LINES, b"/")


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_every_name_survives_the_kernels_escaping(name: bytes) -> None:
    escaped = b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes([byte]) for byte in name)
    line = b"50 27 0:1 / /pods/%s rw - tmpfs tmpfs rw" % escaped
    assert mounts_below(line, b"/pods") == [MountPoint(50, name)]
