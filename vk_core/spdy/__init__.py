"""SPDY/3.1 as Kubernetes speaks it: frames and header blocks, for servers and clients alike."""
