"""For the authors of providers: the contract that every provider must keep."""
