"""The environment of containers as pure rules: from a specification and what it refers to, to variables."""
