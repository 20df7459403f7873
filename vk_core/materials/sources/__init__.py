"""Where materials come from: objects of the API server, fetched and followed while a pod of this node needs them."""
