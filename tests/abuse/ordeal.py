"""Many cases against one state: each answer is looked at, the state before and after compared."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

from tests.abuse import traces
from tests.abuse.tally import count
from tests.envelope import refused

REFUSED: Final = range(400, 500)
# Reading may also find nothing wrong with what it was asked.
READ: Final = (200, 302, *REFUSED)
MOST_SHOWN = 20


@dataclass
class Ordeal:
    """A context whose end fails with all that went wrong in it."""

    kind: str
    secrets: Iterable[str] = ()
    # Tables that what is right about the cases may change.
    but: frozenset[str] = frozenset()
    faults: list[str] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "Ordeal":
        self.before = traces.fingerprint()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is not None:
            return
        if tables := traces.changed(self.before, traces.fingerprint()) - self.but:
            self.faults.append(f"changed: {sorted(tables)}")
        shown = "\n".join(self.faults[:MOST_SHOWN])
        assert not self.faults, f"{len(self.faults)} faults in {self.kind}:\n{shown}"

    def attempt(
        self, case: str, call: Callable[[], Any], *, allowed: Iterable[int] = REFUSED
    ) -> Any:
        """One case: what it answers is none but `allowed`, whole, and tells nothing it must not."""
        count(self.kind)
        try:
            answer = call()
        except Exception as error:  # whatever a view lets through would be a 500
            self.faults.append(f"{case[:200]}: raised {error!r:.300}")
            return None
        # Too many calls would be refused whatever they say.
        if answer.status_code not in allowed or answer.status_code == 429:
            told = getattr(answer, "content", b"")[:200]
            self.faults.append(f"{case[:200]}: answered {answer.status_code} {told!r}")
        try:
            self._check_contents(answer)
        except AssertionError as error:
            self.faults.append(f"{case[:200]}: {str(error)[:300]}")
        return answer

    def _check_contents(self, answer: Any) -> None:
        text = text_of(answer)
        is_json = answer.get("Content-Type", "").startswith("application/json")
        is_refusal = answer.status_code >= 400 and is_json
        if is_refusal:
            body = answer.json()
            refused(answer, answer.status_code, body["code"])
        found = traces.leaks(text, is_refusal=is_refusal, secrets=self.secrets)
        assert not found, f"tells {found[:3]}"


def text_of(answer: Any) -> str:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    return b"".join(parts).decode("utf-8", "replace")
