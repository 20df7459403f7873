"""Turns what a pod refers to into plain data for providers: pure rules here, fetching and following in `sources`."""
