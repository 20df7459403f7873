"""Figures about pods and the node: kubelet's summary and resource metrics, and our own."""
