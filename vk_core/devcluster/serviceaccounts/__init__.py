"""The identity of pods: their service account, how it gets into them, and the tokens by which they show it.

A token is made for one account, mostly for one pod (TokenRequest, KEP-1205), and is good as long as both are there and
it has not expired. Unlike in a cluster of the usual settings it never lives longer than was asked for.

There are no roles in a dev cluster (no RBAC): whoever holds a token of a service account may do everything, as with
`--authorization-mode=AlwaysAllow`. What runs in a dev cluster is one's own and on one's own machine. A controller can
be tried out here before anybody has written its roles; that its roles suffice is not shown by its working here.
"""
