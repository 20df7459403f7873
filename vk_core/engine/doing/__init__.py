"""Carries out what was decided about pods: the only part of the engine that changes anything in the runtime."""
