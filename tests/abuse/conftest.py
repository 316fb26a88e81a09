"""What the abuse tests share: how much to try, and the tally at the end of `make abuse`."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.abuse import tally, traces
from tests.abuse.besieged import Besieged
from tests.abuse.ground import Ground, make_ground
from tests.abuse.tally import SHORT, WHOLE, Extent
from tests.execution.feed.people import make_people
from tests.servers import BOTH_SERVERS, ServerName, running_server, server_environment


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(SHORT, id="sample"),
        pytest.param(WHOLE, id="all", marks=pytest.mark.abuse),
    ],
)
def extent(request: pytest.FixtureRequest) -> Extent:
    asked: Extent = request.param
    return asked


@pytest.fixture(scope="module")
def ground(module_db: None) -> Ground:
    """Made once a module: no case may change it."""
    return make_ground()


@pytest.fixture(scope="session", params=BOTH_SERVERS)
def besieged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Besieged]:
    folder = tmp_path_factory.mktemp("raw")
    environment = server_environment(folder / "data", API_RATE="1000000/min")
    people = make_people(environment, head="head")
    name: ServerName = request.param
    with running_server(name, environment, folder / "server.log") as server:
        here = Besieged(server, people)
        here.serves()  # that a token was used is noted once a minute
        yield here


@pytest.fixture
def unmoved(besieged: Besieged) -> Iterator[None]:
    """Nothing is changed, nobody else waits, and the log tells of no error and forges no line."""
    before = besieged.state()
    yield
    besieged.serves()
    # An unfinished minute may have ended meanwhile.
    assert traces.changed(before, besieged.state()) <= {"accounts_apitoken"}
    assert besieged.server.process.poll() is None
    assert traces.log_faults(besieged.server.log(), secrets=besieged.secrets) == []


# A sample is of the surfaces too: so many of each test's.
SAMPLED = 2


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test's surfaces, `make test` tries the first few, on one of the servers."""
    seen: Counter[str] = Counter()
    dropped = []
    for item in items:
        values = getattr(item, "callspec", None)
        if values is None or values.params.get("extent") is not SHORT:
            continue
        name = f"{item.path}::{item.originalname}"
        seen[name] += 1
        many = 1 if "besieged" in values.params else SAMPLED
        if seen[name] > many:
            dropped.append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if tally.CASES and config.getoption("markexpr") == "abuse":
        terminalreporter.section("cases of abuse by kind")
        for line in tally.lines():
            terminalreporter.write_line(line)
