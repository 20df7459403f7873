"""Asynchronous tools that know nothing of Kubernetes: guarded tasks, a keyed queue, back-off, clocks."""
