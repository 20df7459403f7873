"""Pods on a container runtime of this machine: an adapter between the pod engine and any CRI v1 runtime."""
