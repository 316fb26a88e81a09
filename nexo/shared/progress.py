"""A progress bar for a person at a terminal; silent anywhere else."""

from dataclasses import dataclass, field
from typing import Final

from django.core.management.base import OutputWrapper

WIDTH: Final = 40


@dataclass(slots=True)
class ProgressBar:
    """`total` is what `advance` is told in all; drawn once per percent, below the other output."""

    terminal: OutputWrapper
    total: int
    done: int = 0
    _shown: bool = field(init=False)
    _percent: int = field(init=False, default=-1)

    def __post_init__(self) -> None:
        self._shown = self.terminal.isatty()

    def advance(self, by: int) -> None:
        self.done += by
        percent = min(100, 100 * self.done // max(1, self.total))
        if self._shown and percent != self._percent:
            self._percent = percent
            filled = WIDTH * percent // 100
            self._draw(f"[{'█' * filled}{'░' * (WIDTH - filled)}] {percent:3d}%")

    def clear(self) -> None:
        """Make room for a line of other output; the next percent draws the bar again."""
        if self._shown:
            self._draw("")
            self._percent = -1

    def _draw(self, text: str) -> None:
        self.terminal.write(f"\r\x1b[K{text}", style_func=str, ending="")
        self.terminal.flush()
