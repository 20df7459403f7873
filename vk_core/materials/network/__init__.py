"""The names by which a pod knows itself and others: hostname, `/etc/hosts` and `/etc/resolv.conf`, as pure rules."""
