"""A real containerd with a network for pods and a registry, for tests, benchmarks and trying things by hand.

It comes up in seconds, in a state folder, a bridge, a subnet and ports of its own, so that any number run side by side.

    python -m scripts.containerd up

It needs root on Linux, for that is what a container runtime needs. The programs come from the distribution (apt), the
images are made here, of nothing but busybox and a few lines of C: nothing is pulled from the internet.
"""
