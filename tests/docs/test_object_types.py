"""The code of docs/reference/object-types.md does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from vk_core.api.container import Container
from vk_core.api.meta import ObjectMeta, utc_now
from vk_core.api.pod import Pod, PodSpec
from vk_core.api.podstatus import PodIP, PodStatus

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "object-types.md"


def test_a_pod_goes_to_the_kubernetes_package_and_back_unchanged() -> None:
    pod = Pod(
        metadata=ObjectMeta(name="web", namespace="default", uid="1", creation_timestamp=utc_now()),
        spec=PodSpec(containers=(Container(name="c", image="web:1"),), host_pid=True),
        status=PodStatus(phase="Running", pod_ip="10.0.0.1", pod_ips=(PodIP(ip="10.0.0.1"),)),
    )
    names: dict[str, Any] = {"pod": pod}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)  # what a reader would paste
    model = names["to_client"](pod)
    assert (model.spec.host_pid, model.status.pod_ips[0].ip) == (True, "10.0.0.1")
    assert names["from_client"](model) == pod
