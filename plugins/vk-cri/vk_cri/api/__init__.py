"""The messages of the container runtime interface, v1: `runtime.proto`, and what protoc makes of it.

`python -m vk_cri.api.generate` makes `runtime_pb2.py` and `runtime_pb2.pyi` anew.
"""
