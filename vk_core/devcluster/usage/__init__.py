"""`metrics.k8s.io`: what nodes and pods use, made of what their kubelets say at `/metrics/resource`."""
