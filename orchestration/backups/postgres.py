"""PostgreSQL by its own programs: pg_dump in its custom format, pg_restore and psql.

Back it goes as one transaction, from dropping what is there to the new epoch: when anything fails,
the database is as it was. The transaction's end is written last of all: psql's own
`--single-transaction` commits wherever its input ends, also where whoever wrote it was killed.
"""

import os
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from nexo.shared.libpq import CONNECTION_OPTIONS
from orchestration.backups.contents import (
    Afterwards,
    Contents,
    ask_present,
    read_contents,
    require_tables,
)
from orchestration.backups.exceptions import BackupFailed
from orchestration.backups.files import written_whole
from orchestration.backups.sqlite import check_version

CHUNK = 1 << 16
# By libpq's name of it, as Django names it for psycopg.
PLACES = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGDATABASE": "dbname",
    **{variable: name for name, variable in CONNECTION_OPTIONS.items()},
}
DROP_ALL = """
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
        EXECUTE format('DROP TABLE %I CASCADE', found.tablename);
    END LOOP;
END $$;
"""


def back_up(target: Path, *, force: bool) -> Contents:
    """Dump the database as of one instant, whatever is written meanwhile; what the dump holds.

    Raises
    ------
    BackupFailed
    """
    program = _program("pg_dump")
    require_tables()
    with written_whole(target, force=force) as part, _snapshot() as snapshot:
        command = [program, "--format=custom", "--no-owner", "--no-privileges"]
        command += [f"--snapshot={snapshot}", f"--lock-wait-timeout={_lock_timeout()}"]
        _run([*command, f"--file={part}"])
        _run([_program("pg_restore"), "--list", str(part)])
        return read_contents(ask_present)


def restore(source: Path, afterwards: Afterwards) -> None:
    """Replace the database by what a dump holds.

    Raises
    ------
    BackupFailed: nothing has been changed
    """
    tables = _tables_in(source)
    if not {"execution_stream", "execution_task", "django_migrations"} <= tables:
        raise BackupFailed(_("%s is a dump, but none of NEXO.") % source)
    check_version(source, _applied_in(source))
    last = ";\n".join(afterwards.statements(tables))
    # Comments are those of extensions, which may belong to somebody else.
    reader = [_program("pg_restore"), "--no-owner", "--no-privileges", "--no-comments"]
    reader += ["--exit-on-error", "--file=-", str(source)]
    writer = [_program("psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file=-"]
    # The script leaves no search path behind it.
    _pipe(
        reader, writer, first=f"BEGIN;\n{DROP_ALL}", last=f"RESET search_path;\n{last};\nCOMMIT;\n"
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # what it knew of the tables went with them


def _program(name: str) -> str:
    found = shutil.which(name, path=settings.PG_BIN or None)
    if found is None:
        where = f"{settings.PG_BIN} (PG_BIN)" if settings.PG_BIN else "PATH"
        raise BackupFailed(
            _(
                "%(program)s is not in %(where)s. Install PostgreSQL's client programs, of the "
                "server's version or newer (Debian: postgresql-client), or name their folder in "
                "PG_BIN."
            )
            % {"program": name, "where": where}
        )
    return found


def _lock_timeout() -> int:
    return settings.LOCK_TIMEOUT_SECONDS * 1000


def _environment() -> Mapping[str, str]:
    """Where the database is, without a password that `ps` would show."""
    asked = connection.get_connection_params()
    places = {name: str(asked[key]) for name, key in PLACES.items() if asked.get(key)}
    options = f"-c lock_timeout={_lock_timeout()} -c client_min_messages=warning"
    return {**os.environ, **places, "PGOPTIONS": options, "PGAPPNAME": "nexo backup"}


@contextmanager
def _snapshot() -> Iterator[str]:
    """One instant that the dump and our own reads share."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            cursor.execute("SELECT pg_export_snapshot()")
            yield cursor.fetchone()[0]
        finally:
            cursor.execute("ROLLBACK")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(  # noqa: S603  # a program of PostgreSQL's, arguments of our own
        command, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _failed(command[0], done.stderr)
    return done.stdout


def _failed(program: str, said: str) -> BackupFailed:
    """Its last words, for what comes before is often the statement."""
    lines = [line for line in said.strip().splitlines() if line.strip()]
    told = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "?")
    values = {"program": Path(program).name, "cause": told.strip()}
    return BackupFailed(_("%(program)s failed: %(cause)s") % values)


def _tables_in(source: Path) -> set[str]:
    listed = _run([_program("pg_restore"), "--list", str(source)])
    # "215; 1259 16390 TABLE public execution_task nexo"
    words = (line.split() for line in listed.splitlines() if not line.startswith(";"))
    return {found[5] for found in words if len(found) > 5 and found[3] == "TABLE"}


def _applied_in(source: Path) -> Iterator[tuple[str, str]]:
    """The dump's own list of migrations, read from its script."""
    script = _run(
        [
            *(_program("pg_restore"), "--data-only", "--table=django_migrations"),
            *("--file=-", str(source)),
        ]
    )
    columns: list[str] | None = None
    for line in script.splitlines():
        if line.startswith("COPY "):
            columns = line.partition("(")[2].partition(")")[0].split(", ")
        elif line == r"\.":
            return
        elif columns:
            row: dict[str, Any] = dict(zip(columns, line.split("\t"), strict=False))
            yield row["app"], row["name"]


def _head(script: IO[bytes], known: Collection[str]) -> Iterator[bytes]:
    """What a script sets before its first object, but for what an older server does not know."""
    for line in iter(script.readline, b""):
        words = line.decode(errors="replace").split()
        if words[:1] != ["SET"] or words[1] in known:
            yield line
        if line.startswith(b"-- Name: "):
            return


def _known_settings() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings")
        return {name for (name,) in cursor.fetchall()}


def _pipe(reader: Sequence[str], writer: Sequence[str], *, first: str, last: str) -> None:
    """Feed a script to psql, and its last words only where all of it went well."""
    known = _known_settings()
    with (
        subprocess.Popen(  # noqa: S603  # as above
            reader, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as script,
        subprocess.Popen(  # noqa: S603  # as above
            writer,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as psql,
    ):
        assert script.stdout and script.stderr and psql.stdin and psql.stderr
        try:
            psql.stdin.write(first.encode())
            psql.stdin.writelines(_head(script.stdout, known))
            shutil.copyfileobj(script.stdout, psql.stdin, CHUNK)
            if script.wait():
                raise _failed(reader[0], script.stderr.read().decode(errors="replace"))
            psql.stdin.write(last.encode())
            psql.stdin.close()
        except BrokenPipeError:
            script.kill()  # psql has ended; what it said comes below
        except BaseException:
            script.kill()
            psql.kill()
            raise
        finally:
            # Its buffer may hold what can no longer be written.
            _close(psql.stdin)
        if psql.wait():
            raise _failed(writer[0], psql.stderr.read().decode(errors="replace"))


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return
