"""The pods' life: what should run, what does run, and what the cluster is told about it."""
