"""Random histories: days with anything missing, and counts of any plausible size."""

from hypothesis import strategies as st

from tests.optimization.facts import Day

WINDOW = 6
counts = st.integers(0, 40)
minutes = st.floats(0, 5_000)


@st.composite
def days(draw: st.DrawFn) -> Day:
    if draw(st.booleans()):
        return {}
    completed = draw(counts)
    timed = draw(st.integers(0, completed))
    return {
        "approved": draw(counts),
        "rejected": draw(counts),
        "completed": completed,
        "failed": draw(counts),
        "late": draw(st.integers(0, 5)),
        "timed": timed,
        "estimated_minutes": draw(minutes) if timed else 0,
        "executed_minutes": draw(minutes) if timed else 0,
    }


def histories() -> st.SearchStrategy[list[Day]]:
    """Six days, oldest first: enough for every case, and quick to draw."""
    return st.lists(days(), min_size=WINDOW, max_size=WINDOW)
