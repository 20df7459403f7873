"""Commands, attachments and forwarded ports, over the connections that a runtime hands out for them."""
