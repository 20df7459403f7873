"""The kubelet API: what the API server, metrics-server and Prometheus ask a node for, over HTTPS."""
