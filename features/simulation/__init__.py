"""A simulated company with known truth, for demonstrations, tests and benchmarks. Nothing in it is real."""
