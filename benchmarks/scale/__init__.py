"""The product on ten million tasks and thirty million events: docs/scale.md.

    python -m benchmarks.scale [--tasks N] [--keep FOLDER] [--write]

Made by SQL on a PostgreSQL of its own, then read, explained, pruned and changed while somebody
writes. With `--keep` the database stays in that folder and is taken up again the next time.
"""
