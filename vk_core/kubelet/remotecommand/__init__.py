"""Exec, attach and run: processes in containers, connected to clients over whatever wire they speak."""
