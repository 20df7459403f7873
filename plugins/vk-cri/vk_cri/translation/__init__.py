"""Between the words of the pod engine and those of CRI: pure, in both directions."""
