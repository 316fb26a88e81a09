"""Log lines as one JSON object each, so that no message can forge a second line."""

import json
import logging
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            line["requestId"] = request_id
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # ASCII only: U+2028 ends a line for some readers, U+009B starts a terminal's commands.
        return json.dumps(line)


class ServerFilter(logging.Filter):
    """uvicorn's own lines: no query of a socket's address, which may hold a key, and no error where
    it was the client that erred."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and "WebSocket" in str(record.msg):
            record.args = tuple(
                part.partition("?")[0] if isinstance(part, str) else part for part in record.args
            )
        if str(record.msg).startswith("Invalid UTF-8"):
            record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
        return True
