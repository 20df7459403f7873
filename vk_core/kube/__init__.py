"""The Kubernetes API client: one connection pool, requests by verb, watches that never lose a change."""
