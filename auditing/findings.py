"""What an audit says of one package, and what a whole audit amounts to. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    CLEAN = "clean"
    FINDING = "FINDING"
    UNCHECKED = "UNCHECKED"


class ExitCode(IntEnum):
    CLEAN = 0
    FINDING = 1
    UNCHECKED = 2


@dataclass(frozen=True, slots=True)
class Result:
    """`why` is a sentence for whoever reads the audit; empty when clean says it all."""

    check: str
    package: str
    verdict: Verdict
    why: str = ""


def exit_code(results: Iterable[Result]) -> ExitCode:
    """A finding outweighs what could not be checked; nothing checked at all is not clean."""
    verdicts = {result.verdict for result in results}
    if Verdict.FINDING in verdicts:
        return ExitCode.FINDING
    return ExitCode.CLEAN if verdicts == {Verdict.CLEAN} else ExitCode.UNCHECKED


def report(results: Iterable[Result]) -> list[str]:
    """Every package that is not clean with its reason, then the counts of each check."""
    found = sorted(results, key=lambda result: (result.check, result.verdict, result.package))
    lines = [
        f"{result.check}: {result.package}: {result.verdict}: {result.why}"
        for result in found
        if result.verdict != Verdict.CLEAN
    ]
    for check in dict.fromkeys(result.check for result in found):
        counts = Counter(result.verdict for result in found if result.check == check)
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
        lines.append(f"{check}: {sum(counts.values())} packages: {told}")
    return lines
