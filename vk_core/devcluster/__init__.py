"""A small API server in memory that real kubectl can talk to, with a minimal scheduler: for trying out and for tests.

It is one process, keeps nothing, listens on the loopback only and has one user. What it serves it serves as a real API
server does, down to the wording of errors; what it does not have (controllers, admission plug-ins, RBAC, custom types)
is answered as an API server without them would answer.
"""
