"""What the benchmarks need besides measuring."""
