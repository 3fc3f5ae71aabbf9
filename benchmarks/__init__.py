"""Benchmarks: the product, a peer and the limit on the same work in one run."""
