"""Kubernetes object types and the pure rules about them: no input, no output, no clock."""
