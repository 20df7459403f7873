"""Whether containers have started, are alive and are ready: startup, liveness and readiness probes, as a kubelet has."""
