"""What this repository's developers run: `scripts/run`, `scripts/test`, and the control plane that tests use."""
