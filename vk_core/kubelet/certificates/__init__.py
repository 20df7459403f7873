"""Certificates of the kubelet API and of the node itself: given, self-signed, or signed by the cluster and renewed."""
