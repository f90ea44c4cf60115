"""Whatever the images: a check takes what `rlsel init` writes, or one line says why it does not.

The inputs are those of the fuzz of `rlsel check`, always the same.
"""

import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from made_inputs import Made, encoded, pixels
from test_fuzz_inputs import FILES, check, examples

from rlsel.commands.init.write import init
from rlsel.errors import CONTROLS, find_input_error

SETTINGS_OF_ITS_OWN = ("patient_from", "class_names", "image_column", "label_column")


def write_candidates(made: Made, root: Path) -> Path:
    """Eight of each class that there is."""
    for number, name in enumerate(next(iter(made.counts.values()))):
        for index, image in enumerate(pixels(8, 1000 + number)):
            file = root / "made" / name / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encoded(image))
    return root / "made"


def written(images: Path, candidates: Path, config: Path) -> bool:
    """Whether a config was written; if not it was one line, and nothing is left."""
    try:
        with redirect_stdout(StringIO()):
            init(str(images), str(candidates), config)
    except Exception as error:
        if (mistake := find_input_error(error)) is None:
            raise
        assert str(mistake).strip()
        assert not CONTROLS.search(str(mistake)), mistake
        assert not config.exists()
        return False
    return True


def require_taken(data: st.DataObject, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = data.draw(FILES[kind](root))
        images = root / ("d.npz" if kind == "NPZ" else "data")
        config = root / "my.yaml"

        is_written = written(images, write_candidates(made, root), config)

        event("written" if is_written else "refused")
        plain = not made.data and not any(name in made.source for name in SETTINGS_OF_ITS_OWN)
        if made.answer == "counted" and plain and "path" in made.source:
            assert is_written
        if is_written:
            report = check(config)
            assert not isinstance(report, str), report
            if made.answer == "counted" and plain:
                pool = next(row for row in report.rows if row.part == "pool")
                assert pool.total == 8 * len(pool.counts)


@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@examples(15, always_the_same=True)
def test_a_config_that_is_written_is_taken(kind: str, data: st.DataObject) -> None:
    require_taken(data, kind)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@examples(200, always_the_same=False)
def test_a_config_for_any_of_many_inputs_is_taken(kind: str, data: st.DataObject) -> None:
    require_taken(data, kind)
