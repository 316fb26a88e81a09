"""A task log on disk: opened once for each walk over it, never held in memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from execution.importing.options import BadOption, column_positions
from execution.importing.records import Problem, read_records
from execution.importing.rows import BadRow, LogRow, RowReader

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class TaskLogFile:
    path: Path
    columns: Mapping[str, str]
    channels: Mapping[str, str]

    def rows(self, on_bytes: OnBytes = lambda count: None) -> Iterator[LogRow | Problem]:
        """Every row in the order of the file, a bad one as its problem.

        Raises
        ------
        BadOption: the header lacks what is needed
        OSError
        """
        with self.path.open("rb") as file:
            records = read_records(file, on_bytes)
            header = next(records, None)
            if header is None:
                raise BadOption(_("The file is empty."))
            if isinstance(header, Problem):
                raise BadOption(str(header))
            positions = column_positions(header.cells, self.columns)
            reader = RowReader(positions, self.channels, width=len(header.cells))
            for record in records:
                if isinstance(record, Problem):
                    yield record
                    continue
                try:
                    yield reader.read(record.line, record.cells)
                except BadRow as cause:
                    yield Problem(record.line, record.line, str(cause))
