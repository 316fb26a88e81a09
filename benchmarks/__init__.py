"""The performance goals, each as a ratio to a limit that runs beside the product.

    python -m benchmarks [GOAL ...] [--quick] [--write]

docs/benchmarks.md says what is measured and what came out.
"""
