"""Keeps what Kubernetes promises about pods, for back ends that can only start and stop containers."""
