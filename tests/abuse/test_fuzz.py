"""Parsers against any bytes: by atheris where there is one, else by Hypothesis."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.abuse.fuzz import NAMES, SEEDS, targets
from tests.abuse.tally import WHOLE, Extent, count
from tests.servers import PROJECT

pytestmark = pytest.mark.unit
HAS_ATHERIS = find_spec("atheris") is not None


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes(extent: Extent, name: str, tmp_path: Path) -> None:
    if not HAS_ATHERIS or extent is not WHOLE:
        by_hypothesis(name, extent)
        return
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[name]):
        (corpus / str(number)).write_bytes(seed)
    command = [sys.executable, "-m", "tests.abuse.fuzz", name, str(extent.fuzz_runs), str(corpus)]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-5000:]
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    assert executed, done.stderr[-2000:]
    count(f"parsers: {name} (atheris)", int(executed.group(1)))


def by_hypothesis(name: str, extent: Extent) -> None:
    target = targets()[name]
    seeds = st.sampled_from(SEEDS[name])
    spoiled = st.builds(
        lambda seed, place, more: seed[: place % len(seed)] + more + seed[place % len(seed) :],
        seeds,
        st.integers(0, 4096),
        st.binary(max_size=8),
    )

    @hypothesis.settings(max_examples=max(20, extent.fuzz_runs // 10), deadline=None, database=None)
    @hypothesis.given(st.binary(max_size=200) | spoiled | st.text(max_size=80).map(str.encode))
    def tried(data: bytes) -> None:
        count(f"parsers: {name} (Hypothesis)")
        target(data)

    tried()
