"""Goal 11: what `make faults` tells, in the table.

The tests themselves, in their long form: a Daphne and a uvicorn on one database, 8 writers, 20
kills and 5,000 acknowledged writes and whatever else befalls them. They count what the log says
otherwise than the answers did, how long the viewers take to show the last, and how long a server
takes to end under load. On all cores, for they prove and do not compare.
"""

import re
import subprocess
from collections.abc import Iterator

from benchmarks import machine
from benchmarks.client import Failed
from benchmarks.measures import Measure, against_goal
from benchmarks.site import DatabaseName, Ground
from tests.servers import PROJECT

TESTS = "tests/faults/test_faults.py"
LONG = (*("-m", "faults"), f"{TESTS}::test_nothing_acknowledged_is_lost_in_twenty_kills")
SHORT = (f"{TESTS}::test_nothing_acknowledged_is_lost",)
SECONDS_AT_MOST = 5.0
TOLD = re.compile(
    r"(?P<kills>\d+) kills, .*'acknowledged': (?P<acknowledged>\d+).*, "
    r"(?P<wrong>\d+) contradictions, seen (?P<seen>[\d.]+) s later, exit (?P<exit>[\d.]+) s"
)


def measure(ground: Ground, *, quick: bool) -> Iterator[Measure]:
    databases: tuple[DatabaseName, ...] = ("sqlite",) if quick else ("sqlite", "postgres")
    for database in databases:
        yield from befall(database, SHORT if quick else LONG)


def befall(database: DatabaseName, tests: tuple[str, ...]) -> Iterator[Measure]:
    with machine.on_all_cores():
        done = subprocess.run(
            ["bin/pytest", database, "-s", "-q", *tests],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    told = TOLD.search(done.stdout)
    if told is None:
        raise Failed(f"the fault tests told nothing:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    # A fault that they have no figure for, such as a 500, is one all the same.
    wrong = max(int(told["wrong"]), done.returncode != 0)
    writes = f"{int(told['acknowledged']):,} acknowledged writes, {told['kills']} kills"
    yield Measure(11, f"{database}: lost or phantom, {writes}", str(wrong), "0", float(wrong), 0.0)
    for what, name in (("viewers converge", "seen"), ("SIGTERM exits under load", "exit")):
        seconds = float(told[name])
        yield against_goal(11, f"{database}: {what}", seconds, SECONDS_AT_MOST, unit="s")
