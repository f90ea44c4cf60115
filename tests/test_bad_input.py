"""A mistake in a config or in images is one line that says what to do, and exit code 2."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_experiment import (
    Outcome,
    evaluators_fixture,  # noqa: F401
    refused,
    rlsel,
    write_config,
)

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def run_on(data: dict[str, Any], **changed: Any) -> Outcome:
    """`rlsel run` on other images than the phantom; with a pool in NPZ unless another is given."""
    if "pool" not in changed and data["source"]["name"] != "phantom":
        write_npz(Path("pool.npz"), images=images(32), labels=np.arange(32) % 2)
        changed["pool"] = {"name": "npz", "path": "pool.npz", "class_names": ["a", "b"]}
    write_config(Path("mine.yaml"), data=data, **changed)
    return rlsel("run", "mine.yaml", "--out", "run")


def images(num: int, side: int = 16) -> np.ndarray:
    return np.random.default_rng(num).integers(0, 256, (num, side, side, 3), np.uint8)


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, allow_pickle=True, **arrays)
    return path


def write_folder(root: Path, counts: dict[str, int], side: int = 16) -> Path:
    for name, num in counts.items():
        (root / name).mkdir(parents=True)
        for index, image in enumerate(images(num, side)):
            Image.fromarray(image).save(root / name / f"{index:03d}.png")
    return root


def folder(root: Path | str, **settings: Any) -> dict[str, Any]:
    return {"source": {"name": "folder", "path": str(root)}, **settings}


def npz(**arrays: np.ndarray) -> dict[str, Any]:
    path = write_npz(Path("real.npz"), **arrays)
    return {"source": {"name": "npz", "path": str(path), "class_names": ["a", "b"]}}


# Configs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_missing_config(command: str) -> None:
    said = refused(rlsel(command, "missing.yaml"))

    assert said == "missing.yaml: there is no such config file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data: [1", "mine.yaml: is not valid YAML: "),
        ("- a list", "mine.yaml: must hold settings as `key: value`, not ['a list']"),
        ("algorithm: {iteration: 3}", "mine.yaml: unknown key algorithm.iteration "),
        ("algorithm: {iteration: 3}", "(did you mean iterations?); known are "),
        ("algorithm: {iterations: many}", "mine.yaml: algorithm.iterations is 'many'; "),
        ("algorithm: {iterations: 0}", "mine.yaml: algorithm.iterations is 0; "),
        ("algorithm: {episodes: 4, num_env_runners: 3}", "it must divide episodes, 4"),
        (
            "selection: {keep_fraction: 500}",
            "mine.yaml: selection.keep_fraction is 500; it is a share of the pool, and must be at "
            "most 1: for 500 candidates give 500 divided by their number",
        ),
        (
            "selection: {keep_range_of_class: {a: [0, 70]}}",
            "mine.yaml: selection.keep_range_of_class.a.1 is 70; it is a share of the pool",
        ),
        ("reward: {metric: f1}", "mine.yaml: reward.metric is 'f1'; it must be 'accuracy', "),
        ("pool: {name: gan}", "mine.yaml: pool.name is 'gan'; known are phantom, planted, "),
        ("preset: papr", "mine.yaml: preset is 'papr'; known are default, paper"),
        ("data: {source: {name: phantom}, size_px: 32}", "set source.size_px, not size_px"),
    ],
)
def test_a_config_that_is_wrong(text: str, expected: str) -> None:
    Path("mine.yaml").write_text(text)

    assert expected in refused(rlsel("run", "mine.yaml", "--out", "run"))
    assert not Path("run").exists()


# Images ----------------------------------------------------------------------------------------


def test_a_path_that_does_not_exist() -> None:
    said = refused(run_on(folder("nowhere/images")))

    assert said == "nowhere/images: no such file or folder (. has no 'nowhere')"


def test_an_environment_variable_that_is_not_set() -> None:
    said = refused(run_on(folder("$RLSEL_NOT_SET/images")))

    assert "the environment variable RLSEL_NOT_SET is not set" in said


def test_a_folder_with_one_class() -> None:
    root = write_folder(Path("real"), {"tumour": 30})

    assert refused(run_on(folder(root))) == (
        "real: at least two class folders are needed; there is tumour"
    )


def test_a_class_without_an_image() -> None:
    root = write_folder(Path("real"), {"normal": 30, "tumour": 0})

    assert refused(run_on(folder(root))).startswith("real/tumour: no .png, .jpg")


@pytest.fixture
def with_a_truncated_image() -> Path:
    root = write_folder(Path("real"), {"a": 60, "b": 60})
    broken = root / "b" / "007.png"
    broken.write_bytes(broken.read_bytes()[:200])
    return root


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_truncated_image_is_named(command: str, with_a_truncated_image: Path) -> None:
    write_config(Path("mine.yaml"), data=folder(with_a_truncated_image))

    said = refused(rlsel(command, "mine.yaml"))

    assert said.startswith("real/b/007.png: cannot be read (")
    assert said.endswith("replace or remove it, or set data.skip_bad: true")


def test_a_truncated_image_is_left_out_on_request(with_a_truncated_image: Path) -> None:
    write_npz(Path("pool.npz"), images=images(32), labels=np.arange(32) % 2)
    pool = {"name": "npz", "path": "pool.npz", "class_names": ["a", "b"]}
    write_config(Path("mine.yaml"), data=folder(with_a_truncated_image, skip_bad=True), pool=pool)

    outcome = rlsel("check", "mine.yaml")

    assert (outcome.code, outcome.err) == (0, "")
    assert "left out 1 unreadable image: real/b/007.png" in outcome.said


def test_images_of_mixed_sizes_are_resized_and_check_says_so() -> None:
    write_folder(Path("real"), {"a": 60, "b": 60})
    write_folder(Path("larger"), {"c": 3}, side=24)
    for file in Path("larger/c").iterdir():
        file.rename(Path("real/a") / f"large-{file.name}")
    write_npz(Path("pool.npz"), images=images(32, side=20), labels=np.arange(32) % 2)
    pool = {"name": "npz", "path": "pool.npz", "class_names": ["a", "b"]}
    write_config(Path("mine.yaml"), data=folder("real"), pool=pool)

    outcome = rlsel("check", "mine.yaml")

    assert (outcome.code, outcome.err) == (0, "")
    assert "resized 3 images from 24x24 to 16x16" in outcome.said
    assert "resized 32 images from 20x20 to 16x16" in outcome.said


def test_labels_outside_the_class_names() -> None:
    labels = np.arange(120) % 2
    labels[17] = 2

    said = refused(run_on(npz(images=images(120), labels=labels)))

    assert said == ("real.npz, images[17]: label 2 is outside the classes; known are 0 a, 1 b")


def test_a_pixel_that_is_not_a_number() -> None:
    pixels = images(120).astype(np.float32) / 255
    pixels[17, 3, 5, 1] = np.nan

    said = refused(run_on(npz(images=pixels, labels=np.arange(120) % 2)))

    assert said.startswith("real.npz: images")
    assert "nan" in said.lower() or "not a number" in said


def test_a_class_of_candidates_that_training_lacks() -> None:
    pool = write_folder(Path("made"), {"a": 16, "b": 16, "artefact": 16})

    said = refused(
        run_on(
            npz(images=images(120), labels=np.arange(120) % 2),
            pool={"name": "folder", "path": str(pool)},
        )
    )

    assert said == (
        "the pool (folder made) has the class 'artefact', which training lacks; known are a, b"
    )


def test_a_pool_with_fewer_than_eight_of_a_class() -> None:
    pool = write_folder(Path("made"), {"a": 16, "b": 7})

    said = refused(
        run_on(
            npz(images=images(120), labels=np.arange(120) % 2),
            pool={"name": "folder", "path": str(pool)},
        )
    )

    assert "has 7 candidates of class 'b'; at least 8 are needed" in said


def test_a_small_validation_set_is_a_warning_with_its_standard_error() -> None:
    write_config(Path("mine.yaml"))

    outcome = rlsel("check", "mine.yaml")

    assert (outcome.code, outcome.err) == (0, "")
    # 20 images: the square root of 1/4 by 20.
    assert (
        "warning: reward_val has 20 images: accuracies within 0.112 of each other" in outcome.said
    )
