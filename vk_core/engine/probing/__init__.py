"""Whether containers have started, are alive and are ready, found out as a kubelet does."""
