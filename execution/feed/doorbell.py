"""Rings after a commit so that tailers read at once; a lost ring costs half a second, no more."""


def ring() -> None:
    """Wake the tailers of this process and, over the channel layer, of the others."""
