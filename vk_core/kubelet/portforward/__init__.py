"""Port forwarding: pairs of streams, over every wire that clients use, joined with connections to ports of pods."""
