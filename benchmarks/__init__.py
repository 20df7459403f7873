"""How fast a node of Virtual Kubelet is, beside the API server's own limit and beside kwok; see README.md."""
