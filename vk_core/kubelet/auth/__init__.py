"""Who calls the kubelet API and what they may do: client certificates, bearer tokens, access reviews."""
