"""Every surface against hostile input: refused, nothing told, nothing changed.

Each test runs twice over: on a sample of its cases in `make test`, on all of them in `make abuse`.
"""
