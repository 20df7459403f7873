"""Finding providers and hooks in installed packages, and reading their settings."""
