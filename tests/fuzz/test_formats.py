"""Whatever bytes a user's file holds, a command ends with an exit code and words, never with an exception.

``make test`` runs a fixed choice of examples; ``make fuzz N=10000`` runs that many.
"""

import itertools
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.fuzz.cases import CASES, Case, run
from tests.fuzz.mutations import changes_of

EXAMPLES = int(os.environ.get("REPROID_FUZZ", "700"))  # of all cases together
_COUNT = itertools.count()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_command_ends_in_an_exception(case: Case, tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    sound.mkdir()
    case.make(sound)
    files = sorted({file for pattern in case.spoil for file in sound.glob(pattern) if file.is_file()})
    assert files, f"{case.name}: nothing to spoil"
    code, out, err = run(case.command, case.argv(sound))
    assert code in {0, 1}, f"{case.name}: not sound to begin with: {err}{out}"
    names = [str(file.relative_to(sound)) for file in files]

    @settings(
        max_examples=max(1, round(EXAMPLES * case.share / sum(each.share for each in CASES))),
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def spoilt(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(names))
        changes = data.draw(st.lists(changes_of(name), min_size=1, max_size=3))
        content = (sound / name).read_bytes()
        for change in changes:
            try:
                content = change.apply(content)
            except (ValueError, IndexError):  # an earlier change left no JSON, CSV or TOML to change
                break
        folder = tmp_path / f"case-{next(_COUNT)}"  # a name of its own: nothing is known of it from before
        shutil.copytree(sound, folder, copy_function=os.link)
        try:
            (folder / name).unlink()
            (folder / name).write_bytes(content)
            note(f"{case.name}: {name}: {changes}")
            code, _, err = run(case.command, case.argv(folder))
        finally:
            shutil.rmtree(folder)
        assert code in {0, 1, 2}, f"exit code {code}: {err}"
        assert "Traceback" not in err
        if code == 2:
            lines = [line for line in err.splitlines() if line.startswith(("error:", "reports.build:"))]
            assert len(lines) == 1, f"not one sentence but {len(lines)}: {err}"
            assert len(lines[0]) < 1500, f"{len(lines[0])} characters: {lines[0][:300]}"

    spoilt()
