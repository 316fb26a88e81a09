"""Which agents there are: the app that keeps them says so, for this one knows no other."""

from collections.abc import Callable, Iterable

Agents = Iterable[tuple[str, str]]  # ids and names


def _nobody() -> Agents:
    return []


_ask: Callable[[], Agents] = _nobody


def told_by(ask: Callable[[], Agents]) -> None:
    global _ask
    _ask = ask


def known_agents() -> Agents:
    return _ask()
