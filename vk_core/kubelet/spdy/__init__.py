"""SPDY/3.1 as far as the streaming connections of Kubernetes use it: many streams over one upgraded connection."""
