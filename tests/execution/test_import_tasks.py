"""`import_tasks`: what a log of another system becomes, and what it is refused for."""

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from execution.changes import TaskChange
from execution.enums import TaskStatus
from execution.importing import importer
from execution.importing.records import MAX_LINE_BYTES
from execution.importing.rows import parse_instant
from execution.models import Agent, Stream, Task, TaskCount, TaskEvent, TaskTarget
from execution.services import NewTask, create_tasks, update_task
from nexo.shared import clock
from tests.factories import OPERATOR, make_agent, make_task

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

HEADER = (
    "external_id,task_type,channel,agent_id,title,status,failure_reason,"
    "created_at,approved_at,started_at,completed_at,estimated_minutes"
)
DONE = (
    "A-1,price_adjustment,amazon,alex,Ajustar preço,completed,,"
    "2026-02-02T09:00:00Z,2026-02-02T09:10:00Z,2026-02-02T09:30:00Z,2026-02-02T10:15:00Z,60"
)
RunResult = tuple[str, str]
Import = Callable[..., RunResult]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_log(*rows: str | bytes, header: str = HEADER) -> Path:
        path = tmp_path / "log.csv"
        lines = [line if isinstance(line, bytes) else line.encode() for line in (header, *rows)]
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    return write_log


def run(path: Path, *options: str) -> RunResult:
    """The command's output; it has to succeed."""
    out, err = io.StringIO(), io.StringIO()
    call_command("import_tasks", str(path), *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def run_refused(path: Path, *options: str) -> tuple[str, str, CommandError]:
    """The output and error of a command that has to exit with 1."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("import_tasks", str(path), *options, stdout=out, stderr=err)
    assert raised.value.returncode == 1
    return out.getvalue(), err.getvalue(), raised.value


def row(**values: str) -> str:
    """A pending task on Amazon, with other values as given."""
    values = {"task_type": "price_adjustment", "channel": "amazon", "status": "pending", **values}
    return ",".join(values.get(name, "") for name in HEADER.split(","))


def events_of(external_id: str) -> list[tuple[Any, ...]]:
    return list(
        TaskEvent.objects.filter(task__external_id=external_id)
        .order_by("sequence")
        .values_list("kind", "from_status", "to_status", "progress", "at")
    )


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 2, 2, hour, minute, tzinfo=UTC)


# -- What a row becomes --------------------------------------------------------------------------


def test_a_completed_row_becomes_a_task_with_its_whole_past(write: Any) -> None:
    out, err = run(write(DONE))
    assert "imported: 1" in out
    assert err == ""
    task = Task.objects.get()
    assert (task.external_id, task.title, task.task_type) == (
        "A-1",
        "Ajustar preço",
        "price_adjustment",
    )
    assert (task.status, task.progress, task.attempt, task.agent_id) == (
        "completed",
        100,
        1,
        "alex",
    )
    assert task.due_at == at(10)
    assert task.updated_at == at(10, 15)
    assert events_of("A-1") == [
        ("created", None, "pending", 0, at(9)),
        ("approved", "pending", "approved", 25, at(9, 10)),
        ("started", "approved", "in_progress", 50, at(9, 30)),
        ("completed", "in_progress", "completed", 100, at(10, 15)),
    ]
    end = TaskEvent.objects.get(kind="completed")
    assert (end.actor, end.agent_id) == ("system:import", "alex")
    assert (end.estimated_minutes, end.execution_minutes) == (60, 45)
    # Nothing in a log proves that a marketplace was reached.
    assert list(TaskTarget.objects.values_list("marketplace_id", "state")) == [
        ("amazon", "not_required")
    ]


@pytest.mark.parametrize(
    ("given", "kinds", "task"),
    [
        ({"status": "pending"}, ["created"], {"approved_at": None, "progress": 0}),
        # An approval beyond the status is left out, or the log would contradict the task.
        (
            {"status": "pending", "approved_at": "2026-02-02T09:10Z"},
            ["created"],
            {"approved_at": None},
        ),
        ({"status": "approved"}, ["created", "approved"], {"approved_at": at(9), "progress": 25}),
        (
            {"status": "in_progress", "approved_at": "2026-02-02T09:10Z"},
            ["created", "approved", "started"],
            {"started_at": at(9, 10), "progress": 50},
        ),
        # A start without an approval approves.
        (
            {"status": "in_progress", "started_at": "2026-02-02T09:30Z"},
            ["created", "started"],
            {"approved_at": at(9, 30), "started_at": at(9, 30)},
        ),
        ({"status": "in_progress"}, ["created", "started"], {"started_at": at(9)}),
        (
            {"status": "marketplace_sync", "started_at": "2026-02-02T09:30Z"},
            ["created", "started", "syncing"],
            {"updated_at": at(9, 30), "progress": 75},
        ),
        # The end is the latest earlier instant that is known.
        (
            {
                "status": "completed",
                "approved_at": "2026-02-02T09:40Z",
                "started_at": "2026-02-02T09:30Z",
            },
            ["created", "approved", "started", "completed"],
            {"ended_at": at(9, 40)},
        ),
        (
            {"status": "failed"},
            ["created", "failed"],
            {"failure_reason": "error", "ended_at": at(9), "progress_at_failure": 0},
        ),
        (
            {"status": "failed", "failure_reason": "timeout", "started_at": "2026-02-02T09:30Z"},
            ["created", "started", "failed"],
            {"failure_reason": "timeout", "ended_at": at(9, 30), "progress_at_failure": 50},
        ),
    ],
)
def test_missing_instants_are_the_latest_earlier_ones(
    write: Any, given: dict[str, str], kinds: list[str], task: dict[str, Any]
) -> None:
    run(write(row(external_id="A", created_at="2026-02-02T09:00Z", **given)))
    assert [event[0] for event in events_of("A")] == kinds
    found = Task.objects.values().get()
    assert {name: found[name] for name in task} == task
    assert found["status"] == events_of("A")[-1][2] == given["status"]


def test_recorded_order_is_kept_and_durations_are_never_negative(write: Any) -> None:
    run(
        write(
            row(
                external_id="A",
                status="completed",
                created_at="2026-02-02T12:00Z",
                started_at="2026-02-02T11:00Z",
                completed_at="2026-02-02T10:00Z",
            )
        )
    )
    assert [event[-1] for event in events_of("A")] == [at(12), at(11), at(10)]
    assert TaskEvent.objects.get(kind="completed").execution_minutes == 0


def test_a_row_without_creation_is_created_at_its_first_instant_else_now(write: Any) -> None:
    before = clock.now()
    run(
        write(
            row(external_id="A", status="failed", completed_at="2026-02-02T10:00Z"),
            row(external_id="B"),
        )
    )
    assert Task.objects.get(external_id="A").created_at == at(10)
    assert before <= Task.objects.get(external_id="B").created_at <= clock.now()


def test_optional_values_have_defaults(write: Any) -> None:
    run(write(row(external_id="A", created_at="2026-02-02")))
    task = Task.objects.get()
    assert (task.title, task.agent_id, task.estimated_minutes) == ("price_adjustment", None, 60)
    assert task.created_at == at(3)  # the midnight of São Paulo that opens the day


def test_a_long_title_is_cut_and_line_breaks_in_it_are_spaces(write: Any) -> None:
    run(
        write(
            row(external_id="A", title='"Fone\nBluetooth"'), row(external_id="B", title="x" * 300)
        )
    )
    titles = dict(Task.objects.values_list("external_id", "title"))
    assert titles == {"A": "Fone Bluetooth", "B": "x" * 199 + "…"}


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-02-02T09:00:00Z", at(9)),
        ("2026-02-02t09:00:00z", at(9)),
        ("2026-02-02 06:00:00", at(9)),  # business time is three hours behind
        ("2026-02-02T10:00:00+0100", at(10) - timedelta(hours=1)),
        ("2026-02-02 10:00:00.500 +01:00", at(9) + timedelta(milliseconds=500)),
        ("2026-02-02", at(3)),
        ("2018-01-02 07:00", datetime(2018, 1, 2, 9, tzinfo=UTC)),  # summer time then
    ],
)
def test_instants_may_be_written_in_several_ways(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant


# -- Counters and numbers ------------------------------------------------------------------------


def assert_counters_are_true() -> None:
    counted: Counter[tuple[str, str]] = Counter()
    progress: Counter[tuple[str, str]] = Counter()
    for status, marketplace, percent in Task.objects.values_list(
        "status", "marketplace_id", "progress"
    ):
        counted[status, marketplace] += 1
        progress[status, marketplace] += percent
    for roll_up in TaskCount.objects.all():
        key = (roll_up.status, roll_up.marketplace_id)
        assert (roll_up.count, roll_up.progress_sum) == (counted[key], progress[key])
    numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert Stream.objects.get().sequence == len(numbers)
    for task in Task.objects.all():
        newest = task.events.order_by("sequence").last()
        assert newest is not None
        assert (task.sequence, task.status, task.progress) == (
            newest.sequence,
            newest.to_status,
            newest.progress,
        )


def test_history_and_counters_are_true_over_several_batches(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "BATCH", 7)
    make_task()
    statuses = TaskStatus.values
    rows = [
        row(
            external_id=f"A-{number}",
            status=statuses[number % 6],
            channel=("amazon", "shein")[number % 2],
        )
        for number in range(30)
    ]
    run(write(*rows))
    assert Task.objects.count() == 31
    assert_counters_are_true()


# -- Again, and meanwhile ------------------------------------------------------------------------


def test_a_second_import_changes_nothing(write: Any) -> None:
    path = write(DONE, row(external_id="A-2", agent_id="marina"))
    run(path)
    before = (list(Task.objects.values()), Stream.objects.values().get(), Agent.objects.count())
    out, _err = run(path)
    assert "imported: 0" in out
    assert "already known: 2" in out
    assert before == (
        list(Task.objects.values()),
        Stream.objects.values().get(),
        Agent.objects.count(),
    )


def test_a_known_id_keeps_its_task_and_the_first_row_of_an_id_wins(write: Any) -> None:
    make_task(external_id="KNOWN", title="Minha")
    out, _err = run(
        write(
            row(external_id="KNOWN", title="Outra", agent_id="nobody_new"),
            row(external_id="TWICE", title="primeira"),
            row(external_id="TWICE", title="segunda"),
        )
    )
    assert "imported: 1" in out
    assert "already known: 2" in out
    assert dict(Task.objects.values_list("external_id", "title")) == {
        "KNOWN": "Minha",
        "TWICE": "primeira",
    }
    # A row that is not imported makes no agent either.
    assert not Agent.objects.exists()


def test_an_id_taken_while_importing_is_known_and_the_rest_goes_in(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request creates the task between the look-up and the insert."""
    record = importer.record_histories

    def overtaken(histories: Any) -> None:
        if not Task.objects.exists():
            create_tasks([NewTask("x", "Outra", "amazon", 1, external_id="A")], caller=OPERATOR)
        record(histories)

    monkeypatch.setattr(importer, "record_histories", overtaken)
    out, _err = run(write(row(external_id="A", title="Minha"), row(external_id="B")))
    assert "imported: 1" in out
    assert "already known: 1" in out
    assert Task.objects.get(external_id="A").title == "Outra"
    assert_counters_are_true()


def test_a_dry_run_counts_and_writes_nothing(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts an id once, also when the second row comes many rows later."""
    monkeypatch.setattr(importer, "BATCH", 2)
    make_task(external_id="KNOWN")
    new = row(external_id="NEW", agent_id="alex")
    path = write(row(external_id="KNOWN"), new, row(external_id="OTHER"), new)
    out, _err = run(path, "--dry-run")
    assert "imported: 2" in out
    assert "already known: 2" in out
    assert "new agents: 1" in out
    assert Task.objects.count() == 1
    assert not Agent.objects.exists()
    assert Stream.objects.get().sequence == 1


def test_an_imported_task_lives_on(write: Any) -> None:
    run(write(row(external_id="A", status="marketplace_sync", started_at="2026-02-02T09:00Z")))
    task = Task.objects.get()
    change = TaskChange(TaskStatus.MARKETPLACE_SYNC, sync_status={"amazon": True})
    assert update_task(task.task_id, change, caller=OPERATOR).row["status"] == "completed"


# -- Agents --------------------------------------------------------------------------------------


def test_unknown_agents_work_where_they_have_rows_and_known_ones_are_left_alone(write: Any) -> None:
    make_agent("alex", "kaway", is_active=False)
    path = write(
        row(external_id="A", agent_id="nina", channel="shein"),
        row(external_id="B", agent_id="alex", channel="amazon"),
        row(external_id="C", agent_id="nina", channel="amazon"),
        row(external_id="D", agent_id="nina", channel="shopee", created_at="never"),
    )
    run_refused(path)
    nina = Agent.objects.get(slug="nina")
    assert nina.is_active
    assert set(nina.marketplaces.values_list("slug", flat=True)) == {"amazon", "shein"}
    assert not nina.specialties.exists()
    alex = Agent.objects.get(slug="alex")
    assert not alex.is_active
    assert set(alex.marketplaces.values_list("slug", flat=True)) == {"kaway"}


# -- Options -------------------------------------------------------------------------------------


def test_columns_and_channels_may_have_other_names(write: Any) -> None:
    path = write(
        "7,SP,preco,delivered-not-used,completed",
        "8,RJ,preco,x,pending",
        "9,amazon,preco,x,pending",
        header="order,uf,kind,order_status,state",
    )
    run(
        path,
        *("--columns", "external_id=order,channel=uf", "--columns", "task_type=kind,status=state"),
        *("--channels", "SP=shopee", "--channels", "*=kaway"),
    )
    found = Task.objects.order_by("external_id").values_list("external_id", "marketplace_id")
    assert list(found) == [("7", "shopee"), ("8", "kaway"), ("9", "amazon")]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_the_separator_is_that_of_the_header(write: Any, delimiter: str) -> None:
    path = write(
        row(external_id="A", title="um").replace(",", delimiter),
        header="\ufeff" + HEADER.replace(",", delimiter),
    )
    run(path)
    assert Task.objects.get().title == "um"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--columns", "order"], "must look like"),
        (["--columns", "nothing=order"], "no column nothing"),
        (["--columns", "status=state"], "no column state"),
        (["--columns", "status=a,status=b"], "twice"),
        (["--channels", "SP=ebay"], "no marketplace ebay"),
        (["--channels", "SP"], "must look like"),
        (["--end", "tomorrow"], "yesterday"),
        (["--end", "9999-12-31"], "2199"),
    ],
)
def test_a_wrong_option_is_a_sentence(write: Any, options: list[str], says: str) -> None:
    _out, _err, error = run_refused(write(DONE), *options)
    assert says in str(error)
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\n1,2\n", "no column external_id"),
        ("external_id,task_type".encode("utf-16"), "no column external_id"),
        (HEADER.encode() + b",status\n", "column status twice"),
        (b"\x00" * 50, "no column external_id"),
        (b'"' + b"x" * 200_000, "not CSV"),
        (b"x" * (MAX_LINE_BYTES + 1) + b"\n", "Line 1: The line is longer than 1 MB."),
        (b"column," * 200_000 + b"\n" + DONE.encode(), "Line 1: The line is longer than 1 MB."),
    ],
)
def test_a_file_that_is_no_task_log_is_a_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    _out, _err, error = run_refused(path)
    assert says in str(error)


def test_a_missing_file_and_a_folder_are_sentences(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv", tmp_path / ("x" * 5000)):
        _out, _err, error = run_refused(path)
        assert str(path) in str(error)


# -- The end of the log --------------------------------------------------------------------------


def test_end_moves_every_instant_by_the_same_whole_days(write: Any) -> None:
    run(write(DONE, row(external_id="B", created_at="2026-01-30T12:00Z")), "--end", "2026-02-24")
    by = timedelta(days=22)
    task = Task.objects.get(external_id="A-1")
    assert (task.created_at, task.ended_at) == (at(9) + by, at(10, 15) + by)
    assert Task.objects.get(external_id="B").created_at == datetime(2026, 2, 21, 12, tzinfo=UTC)
    assert TaskEvent.objects.get(kind="completed").execution_minutes == 45


def test_end_yesterday_is_the_business_day_before_today(write: Any) -> None:
    run(write(DONE), "--end", "yesterday")
    ended_at = Task.objects.get().ended_at
    assert ended_at is not None
    assert clock.business_day(ended_at) == clock.business_day(clock.now()) - timedelta(days=1)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("latest", "end"),
    [
        # Half past midnight in summer time is half past eleven of the day before without it.
        (datetime(2018, 1, 10, 2, 30, tzinfo=UTC), date(2026, 2, 24)),
        (datetime(2026, 2, 2, 3, 0, tzinfo=UTC), date(2018, 1, 10)),
        (datetime(2018, 4, 30, 23, 38, tzinfo=UTC), date(2026, 2, 24)),
    ],
)
def test_the_log_ends_on_the_day_asked_for_across_summer_time(latest: datetime, end: date) -> None:
    shift = importer.whole_days_to(end, latest)
    assert shift == timedelta(days=shift.days)
    assert clock.business_day(latest + shift) == end


# -- Bad rows ------------------------------------------------------------------------------------

BAD_ROWS: list[tuple[str | bytes, str]] = [
    (row(), "external_id is missing"),
    (row(external_id="B", task_type=""), "task_type is missing"),
    (row(external_id="B", channel=""), "channel is missing"),
    (row(external_id="B", status=""), "status is missing"),
    (row(external_id="B", status="done"), "status is “done”"),
    (row(external_id="B", channel="ebay"), "channel is “ebay”"),
    (row(external_id="B", task_type="two words"), "task_type is “two words”"),
    (row(external_id="B", agent_id="josé"), "agent_id is “josé”"),
    (row(external_id="x" * 201), "external_id is"),
    (row(external_id="B", failure_reason="bored"), "failure_reason is “bored”"),
    (row(external_id="B", created_at="yesterday"), "created_at is “yesterday”"),
    (row(external_id="B", created_at="2026-02-30"), "created_at is “2026-02-30”"),
    (row(external_id="B", created_at="2026-02-02T25:00"), "created_at is"),
    (row(external_id="B", created_at="0001-01-01T00:00:00+14:00"), "created_at is"),
    (row(external_id="B", completed_at="2300-01-01"), "1900 to 2199"),
    *(
        (row(external_id="B", estimated_minutes=text), f"estimated_minutes is “{text}”")
        for text in (
            *("-1", "nan", "inf", "-inf", "1e400", "soon", "0x10", "99999999999"),
            *("1_0", "１０"),
        )
    ),
    (row(external_id="B") + ",extra", "13 cells under 12 columns"),
    (row(external_id="B", title="nul\0byte"), "control characters"),
    (row(external_id="B", title="exe.\u202egnp"), "title holds control characters"),
    (row(external_id="B\u2067"), "external_id holds control characters"),
    (row(external_id="B", title="\u3164\u200b"), "title holds nothing that can be seen"),
    (row(external_id="\u2800"), "external_id holds nothing that can be seen"),
    (row(external_id="B", title="XX").encode().replace(b"XX", b"\xff\xfe"), "title is not UTF-8"),
    (row(external_id='"B"x'), "not CSV"),
    (row(external_id="B", title="x" * 200_000), "not CSV"),
    (row(external_id="B", title="x" * MAX_LINE_BYTES), "longer than 1 MB"),
]


@pytest.mark.parametrize(("bad", "cause"), BAD_ROWS, ids=[cause for _bad, cause in BAD_ROWS])
def test_a_bad_row_is_reported_with_its_line_and_the_others_go_in(
    write: Any, bad: str | bytes, cause: str
) -> None:
    out, err, error = run_refused(write(row(external_id="A"), "", bad, row(external_id="C")))
    [line] = err.splitlines()
    assert line.startswith("Line 4: ")
    assert cause in line
    assert len(line) < 300
    assert "imported: 2" in out
    assert "bad: 1" in out
    assert str(error) == "1 row could not be imported."
    assert set(Task.objects.values_list("external_id", flat=True)) == {"A", "C"}


def test_line_numbers_count_the_lines_inside_quotes(write: Any) -> None:
    _out, err, _error = run_refused(
        write(row(external_id="A", title='"one\ntwo\nthree"'), row(external_id="B", status="?"))
    )
    assert err.startswith("Line 5: ")


def test_an_open_quote_costs_what_it_swallowed_and_no_more(write: Any) -> None:
    filler = [row(external_id=f"F-{number}") for number in range(3000)]
    out, err, _error = run_refused(write(row(external_id="A", title='"open'), *filler))
    assert err.startswith("Lines 2 to ")
    swallowed = int(err.split()[3].rstrip(":")) - 2
    assert f"imported: {3000 - swallowed}" in out
    assert 0 < swallowed < 3000


def test_an_end_that_pushes_a_row_out_of_the_calendar_refuses_that_row(write: Any) -> None:
    _out, err, _error = run_refused(
        write(row(external_id="A", created_at="1950-01-01"), DONE), "--end", "1901-01-01"
    )
    assert err.startswith("Line 2: created_at is ")
    assert Task.objects.get().external_id == "A-1"


def test_a_terminal_sees_how_far_it_is_and_a_file_does_not(write: Any) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    path = write(*(row(external_id=f"A-{number}") for number in range(50)))
    terminal = Terminal()
    call_command("import_tasks", str(path), stdout=io.StringIO(), stderr=terminal)
    assert "100%" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    _out, err = run(path)
    assert err == ""


# -- Real logs -----------------------------------------------------------------------------------

REAL_LOGS = {
    "olist_tasks_dev.csv": "SP=amazon,RJ=mercadolivre,MG=shopee,RS=shein,PR=tiktokshop,*=kaway",
    "bpi12_tasks_dev.csv": "faixa_1=amazon,faixa_2=mercadolivre,faixa_3=shopee,faixa_4=shein,"
    "faixa_5=tiktokshop,*=kaway",
}


@pytest.mark.parametrize("name", REAL_LOGS)
def test_a_real_log_counts_as_its_file_and_twice_is_once(name: str) -> None:
    folder = os.environ.get("NEXO_TEST_DATA")
    if folder is None:
        pytest.skip(f"NEXO_TEST_DATA names no folder: the real log {name} is NOT tested")
    path = Path(folder) / name
    channels = dict(pair.split("=") for pair in REAL_LOGS[name].split(","))
    with path.open(encoding="utf-8", newline="") as file:
        expected = Counter(
            (channels.get(line["channel"], "kaway"), line["status"])
            for line in csv.DictReader(file)
        )
    options = ("--columns", "external_id=task_id", "--channels", REAL_LOGS[name])
    out, err = run(path, *options)
    assert err == ""
    assert f"imported: {expected.total()}" in out
    assert Counter(Task.objects.values_list("marketplace_id", "status")) == expected
    assert_roll_up_is(expected)
    sequence = Stream.objects.get().sequence
    out, _err = run(path, *options)
    assert "imported: 0" in out
    assert f"already known: {expected.total()}" in out
    assert Stream.objects.get().sequence == sequence == TaskEvent.objects.count()


def assert_roll_up_is(expected: Counter[tuple[str, str]]) -> None:
    rows = TaskCount.objects.exclude(count=0).values_list("marketplace_id", "status", "count")
    assert {(slug, status): count for slug, status, count in rows} == dict(expected)
