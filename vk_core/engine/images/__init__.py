"""Sees to it that the images of containers are here: pull policies, credentials, limits and back-off."""
