"""Container logs: what is asked for, how it is cut out of what the provider has, and how it is answered."""
