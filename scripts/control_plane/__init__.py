"""A real Kubernetes control plane on loopback, for tests, benchmarks and trying things by hand.

It is etcd, kube-apiserver, kube-controller-manager and kube-scheduler as upstream ships them, built once from the Go
module proxy. It is not the embedded cluster of `virtual-kubelet dev`, which is an imitation in one Python process.

    python -m scripts.control_plane up

This package imports nothing by itself: `build` needs only the standard library, `cluster` needs `cryptography` too.
"""
