"""What a pod's specification means for sandboxes, containers and cgroups, as pure functions with kubelet's rules.

`sandbox.sandbox_config` and `container.container_config` are what the engine calls; `refusals.refusal` says beforehand
which pods cannot be run here at all, and `machine.read_machine`, the only part that reads something, what `here` is.
"""
