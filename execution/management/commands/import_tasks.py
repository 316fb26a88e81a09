"""Import a task log from CSV: docs/howto/import.md."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, OperationalError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from execution.importing import importer, options
from execution.importing.log import TaskLogFile
from execution.importing.options import BadOption
from execution.importing.records import Problem
from nexo.shared import clock
from nexo.shared.commands import INTERRUPTED, migrated_database
from nexo.shared.origin import working_for
from nexo.shared.progress import ProgressBar
from nexo.shared.statistics import gather_statistics

WALKS = 2


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, links in a circle
        return False


class Command(BaseCommand):
    help = _("Import tasks with their past from a CSV file. Known external ids change nothing.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help=_("CSV with a header, UTF-8"))
        parser.add_argument(
            "--columns",
            action="append",
            default=[],
            metavar="OURS=THEIRS,…",
            help=_("columns with other names, such as external_id=order_id; repeatable"),
        )
        parser.add_argument(
            "--channels",
            action="append",
            default=[],
            metavar="THEIRS=OURS,…",
            help=_("channels with other names, such as SP=amazon,*=kaway; repeatable"),
        )
        parser.add_argument(
            "--end",
            metavar="DAY",
            help=_(
                "move every instant by whole days so that the log ends on this day: "
                "yesterday, or a date such as 2026-02-24"
            ),
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=_("check and count the rows, write nothing")
        )

    @migrated_database()
    @working_for("command")
    def handle(self, *args: Any, **given: Any) -> None:
        path: Path = given["file"]
        if not _is_file(path):
            raise CommandError(_("%s is not a file that can be read.") % path)
        try:
            log = TaskLogFile(
                path,
                options.column_names(given["columns"]),
                options.channel_names(given["channels"]),
            )
            counts = self._import(log, end=given["end"], dry_run=given["dry_run"])
        except BadOption as cause:
            raise CommandError(str(cause)) from cause
        except OSError as error:
            values = {"file": path, "cause": error.strerror or error}
            raise CommandError(_("%(file)s cannot be read: %(cause)s") % values) from error
        except IntegrityError as error:
            raise CommandError(
                _(
                    "The database refused a batch: %s. Did the file change while it was read? "
                    "What came before it is imported; run the command again to go on."
                )
                % error
            ) from error
        except OperationalError as error:
            raise CommandError(
                _(
                    "The database is busy or away: %s. What came before is imported; run the "
                    "command again to go on."
                )
                % error
            ) from error
        except KeyboardInterrupt as interrupt:
            raise CommandError(
                _("Stopped. What came before is imported; run the command again to go on."),
                returncode=INTERRUPTED,
            ) from interrupt
        if counts.bad:
            text = ngettext(
                "%d row could not be imported.", "%d rows could not be imported.", counts.bad
            )
            raise CommandError(text % counts.bad)

    def _import(self, log: TaskLogFile, *, end: str | None, dry_run: bool) -> importer.Counts:
        now = clock.now()
        last_day = options.end_day(end, today=clock.business_day(now)) if end else None
        bar = ProgressBar(self.stderr, total=WALKS * log.path.stat().st_size)

        def report(problem: Problem) -> None:
            bar.clear()
            self.stderr.write(str(problem))

        survey = importer.survey(log.rows(bar.advance))
        shift = importer.whole_days_to(last_day, survey.latest) if last_day else timedelta()
        new_agents = survey.new_agents()
        if not dry_run:
            importer.create_agents(new_agents)
        counts = importer.import_rows(
            log.rows(bar.advance), shift=shift, now=now, dry_run=dry_run, on_problem=report
        )
        bar.clear()
        if counts.imported and not dry_run:
            gather_statistics()
        self._conclude(counts, agents=len(new_agents), dry_run=dry_run)
        return counts

    def _conclude(self, counts: importer.Counts, *, agents: int, dry_run: bool) -> None:
        if dry_run:
            self.stdout.write(_("Dry run: nothing was written. It would have been:"))
        lines = (
            (_("imported"), counts.imported),
            (_("already known"), counts.known),
            (_("bad"), counts.bad),
            (_("new agents"), agents),
        )
        for name, count in lines:
            self.stdout.write(f"{name}: {count}")
