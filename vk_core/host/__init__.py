"""Lays volumes out on this machine, for providers that share a file system with their containers."""
