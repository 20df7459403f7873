"""The node's own life: registration, heartbeat, status, health."""
