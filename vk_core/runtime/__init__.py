"""Wires one virtual node together: settings, provider, controllers."""
