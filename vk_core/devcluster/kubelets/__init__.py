"""How the API server of a dev cluster reaches the kubelets of its nodes: logs, exec, attach, port-forward, proxy."""
