"""What people run on policies: tests, coverage, explanations, proofs."""
