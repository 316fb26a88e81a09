"""`make audit` says clean only of what it has checked."""

import json
from email.message import Message
from typing import Any

import pytest

from auditing import advisories, licences
from auditing.__main__ import INSTALLED, SHIPPED, packages_of
from auditing.findings import ExitCode, Result, Verdict, exit_code, report
from auditing.licences import Allowed, is_allowed, judge, read_list
from auditing.requirements import Pinned, as_requirements, read_pinned, rounds
from tests.servers import PROJECT

pytestmark = pytest.mark.unit
DJANGO = Pinned("django", "5.2.19", ("sha256:aa",))
NUMPY, OTHER_NUMPY = (Pinned("numpy", version, ("sha256:bb",)) for version in ("2.4.6", "2.5.5"))


# -- Requirements --------------------------------------------------------------------------------


def test_a_locked_file_is_read_with_every_marker_and_hash() -> None:
    text = """# made by uv
-c requirements.txt
Zope.Interface==8.1 ; sys_platform == 'win32' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via twisted
"""
    assert read_pinned(text) == [Pinned("zope-interface", "8.1", ("sha256:aa", "sha256:bb"))]


@pytest.mark.parametrize("line", ["django>=5", "django", "django==5.2", "./local", "git+https://x"])
def test_what_is_not_pinned_with_hashes_stops_the_audit(line: str) -> None:
    with pytest.raises(ValueError, match="not a pinned package"):
        read_pinned(line)


def test_the_projects_own_files_are_read_whole() -> None:
    text = (PROJECT / "requirements.txt").read_text()
    assert len(read_pinned(text)) == text.count("==") - text.count(" == ")
    names = {one.name for one in packages_of(INSTALLED)}
    assert {"django", "django-otp", "sentry-sdk", "celery", "pytest"} <= names
    assert "pytest" not in {one.name for one in packages_of(SHIPPED)}


def test_two_versions_of_a_package_are_asked_about_apart() -> None:
    asked = rounds([DJANGO, NUMPY, OTHER_NUMPY, DJANGO])
    assert asked == [[DJANGO, NUMPY], [OTHER_NUMPY]]
    assert as_requirements([DJANGO]) == "django==5.2.19 --hash=sha256:aa\n"


# -- Advisories ----------------------------------------------------------------------------------


def told(**fields: Any) -> str:
    return json.dumps({"dependencies": [{"name": "Django", **fields}], "fixes": []})


SKIPPED = "Dependency not found on PyPI and could not be audited: django (5.2.19)"
WEAK = [{"id": "GHSA-1", "fix_versions": ["5.2.20"]}, {"id": "PYSEC-2", "fix_versions": []}]


@pytest.mark.parametrize(
    ("output", "verdict", "why"),
    [
        (told(version="5.2.19", vulns=[]), Verdict.CLEAN, ""),
        (told(version="5.2.19", vulns=WEAK), Verdict.FINDING, "GHSA-1 (fixed in 5.2.20)"),
        # pip-audit's own exit code is 0 here.
        (told(skip_reason=SKIPPED), Verdict.UNCHECKED, "not found on PyPI"),
        (told(version="5.2.18", vulns=[]), Verdict.UNCHECKED, "something else"),
        (told(version="5.2.19"), Verdict.UNCHECKED, "something else"),
        (json.dumps({"dependencies": []}), Verdict.UNCHECKED, "not in pip-audit's report"),
        ("", Verdict.UNCHECKED, "connection refused"),
        ("[]", Verdict.UNCHECKED, "connection refused"),
        ('{"dependencies": [1]}', Verdict.UNCHECKED, "connection refused"),
        ('{"dependencies": null}', Verdict.UNCHECKED, "connection refused"),
    ],
)
def test_only_what_the_report_calls_clean_is_clean(output: str, verdict: Verdict, why: str) -> None:
    (result,) = advisories.check([DJANGO], ask=lambda _file: (0, output, "x\nconnection refused\n"))
    assert (result.package, result.verdict) == ("django==5.2.19", verdict)
    assert why in result.why


def test_without_the_database_every_package_is_unchecked() -> None:
    packages = packages_of(INSTALLED)
    results = advisories.check(packages, ask=lambda _file: (1, "", "could not connect"))
    assert len(results) == len(packages)
    assert {result.verdict for result in results} == {Verdict.UNCHECKED}
    assert exit_code(results) == ExitCode.UNCHECKED


# -- Licences ------------------------------------------------------------------------------------

ALLOWED = Allowed(
    licences=frozenset(
        {"MIT", "BSD-3-Clause", "Apache-2.0", "GPL-2.0-only WITH Linux-syscall-note"}
    ),
    by_hand={"numpy": "BSD-3-Clause"},
    words={"bsd license": "BSD-3-Clause", "mpl 2.0": "MPL-2.0"},
    only_for={"MPL-2.0": frozenset({"numpy"})},
)


def stated(*classifiers: str, **fields: str) -> Any:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    for classifier in classifiers:
        message["Classifier"] = f"License :: OSI Approved :: {classifier}"
    return message


@pytest.mark.parametrize(
    ("metadata", "verdict"),
    [
        (stated(License_Expression="MIT"), Verdict.CLEAN),
        (stated(License_Expression="GPL-3.0-only OR MIT"), Verdict.CLEAN),
        (stated(License_Expression="GPL-3.0-only AND MIT"), Verdict.FINDING),
        # The expression is what counts, whatever stands beside it.
        (stated("BSD License", License_Expression="AGPL-3.0-only"), Verdict.FINDING),
        (stated("BSD License"), Verdict.CLEAN),
        (stated("MPL 2.0"), Verdict.FINDING),
        (stated("BSD License", "GNU Affero General Public License"), Verdict.UNCHECKED),
        (stated("BSD License", License="anything"), Verdict.CLEAN),
        (stated(License="MIT"), Verdict.CLEAN),
        (stated(License="mit"), Verdict.CLEAN),
        (stated(License="GPL-3.0-only"), Verdict.FINDING),
        (stated(License="Copyright (c) 2014 somebody. " * 20), Verdict.UNCHECKED),
        (stated(License="see LICENSE"), Verdict.UNCHECKED),
        (stated(License="UNKNOWN"), Verdict.UNCHECKED),
        (stated(), Verdict.UNCHECKED),
        (None, Verdict.UNCHECKED),
    ],
)
def test_a_licence_is_clean_only_when_it_is_stated_and_allowed(
    metadata: Any, verdict: Verdict
) -> None:
    assert judge(DJANGO, metadata, ALLOWED).verdict == verdict


def test_what_a_person_has_read_counts_where_nothing_is_stated() -> None:
    assert judge(NUMPY, None, ALLOWED).verdict == Verdict.CLEAN
    assert judge(NUMPY, stated(License_Expression="GPL-3.0-only"), ALLOWED).verdict == (
        Verdict.FINDING
    )


def test_a_licence_may_be_allowed_for_one_package_alone() -> None:
    assert judge(NUMPY, stated("MPL 2.0"), ALLOWED).verdict == Verdict.CLEAN
    assert judge(DJANGO, stated("MPL 2.0"), ALLOWED).verdict == Verdict.FINDING


@pytest.mark.parametrize(
    ("expression", "is_fine"),
    [
        ("MIT", True),
        ("X", False),
        ("X OR MIT", True),
        ("MIT AND X", False),
        ("MIT AND BSD-3-Clause OR X", True),
        ("X OR MIT AND X", False),
        ("(X OR MIT) AND BSD-3-Clause", True),
        ("(X OR MIT) AND X", False),
        ("((MIT))", True),
        ("GPL-2.0-only WITH Linux-syscall-note", True),
        ("GPL-2.0-only", False),
        ("MIT WITH X", False),
        ("", False),
        ("MIT MIT", False),
        ("MIT OR", False),
        ("(MIT", False),
        ("MIT)", False),
        ("AND", False),
    ],
)
def test_an_expression_is_read_as_spdx_means_it(expression: str, is_fine: bool) -> None:
    assert is_allowed(expression, ALLOWED.licences) == is_fine


def test_what_the_product_is_installed_with_is_allowed() -> None:
    """Of this Python and system; `make audit` says the same with the weaknesses beside it."""
    results = licences.check(packages_of(SHIPPED), read_list())
    assert [result for result in results if result.verdict != Verdict.CLEAN] == []


# -- The whole -----------------------------------------------------------------------------------


def results(*verdicts: Verdict) -> list[Result]:
    return [Result("licences", f"p{n}", verdict, "why") for n, verdict in enumerate(verdicts)]


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.CLEAN], ExitCode.CLEAN),
        ([Verdict.CLEAN, Verdict.UNCHECKED], ExitCode.UNCHECKED),
        ([Verdict.UNCHECKED, Verdict.FINDING], ExitCode.FINDING),
        ([], ExitCode.UNCHECKED),
    ],
)
def test_the_exit_code_is_clean_only_when_everything_is(
    verdicts: list[Verdict], code: ExitCode
) -> None:
    assert exit_code(results(*verdicts)) == code


def test_the_report_names_what_is_not_clean_and_counts_the_rest() -> None:
    lines = report(results(Verdict.CLEAN, Verdict.UNCHECKED, Verdict.FINDING))
    assert lines == [
        "licences: p2: FINDING: why",
        "licences: p1: UNCHECKED: why",
        "licences: 3 packages: 1 clean, 1 FINDING, 1 UNCHECKED",
    ]
