"""What the GAN makes of real images, and how long it takes: `rlsel generate` as a user starts it.

    python benchmarks/generator_quality.py histogan_small
    python benchmarks/generator_quality.py NAME --config CONFIG.yaml --seed 1

In runs/benchmark-NAME-seedN; started again it goes on where it stopped. Writes
benchmarks/records/generator_quality_NAME.json, and docs/images/NAME.png: the last grid, made
from the first latent seeds.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from PIL import Image
from recording import write_record

from rlsel.generators.training_folder import GRIDS, STEPS
from rlsel.machine.atomic_files import replacing
from rlsel.machine.json_files import from_json
from rlsel.metrics import mean_and_std
from rlsel.runs.record import FILE_NAME, Record

HERE = Path(__file__).parent
ENLARGED = 2
LEFT_OUT = (
    "command", "name", "config_hash", "seed", "device", "versions", "evaluations", "utilisation",
    "learning", "scores", "num_kept", "truth", "truth_by_kind", "copies", "noise",
)  # fmt: skip
"""Of a run's record: what stands in the header, and what says nothing of a generator."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="of the record; by default of the file in tune_configs/ too")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders go")
    arguments = parser.parse_args()
    config = arguments.config or HERE.parent / "tune_configs" / f"{arguments.name}.yaml"
    folder = arguments.runs / f"benchmark-{arguments.name}-seed{arguments.seed}"
    command = [sys.executable, "-m", "rlsel", "generate", str(config)]
    command += ["--seed", str(arguments.seed), "--out", str(folder), "--resume"]
    subprocess.run(command, check=True)
    path = HERE / "records" / f"generator_quality_{arguments.name}.json"
    _write(path, folder)
    _save_grid(folder, HERE.parent / "docs" / "images" / f"{arguments.name}.png")
    print(f"record: {path}")


def _write(path: Path, folder: Path) -> None:
    """The figures that targets name on top, and the run's record beneath."""
    record = Record.read(folder)
    rows = [from_json(line) for line in (folder / STEPS).read_text().splitlines()]
    run = json.loads((folder / FILE_NAME).read_text())
    accuracies = {what: record.classification[what]["accuracy"] for what in ("candidates", "real")}
    write_record(
        path,
        summary={
            "minutes_of_training": round(rows[-1]["seconds"] / 60, 2),
            "images_per_s": round(median(row["images_per_s"] for row in rows), 1),
            "classification_accuracy_score": mean_and_std(accuracies["candidates"])[0],
            "accuracy_of_real": mean_and_std(accuracies["real"])[0],
        },
        n=len(accuracies["candidates"]),
        config={"config_hash": run["config_hash"], "seed": run["seed"]},
        cells={"run": {key: value for key, value in run.items() if key not in LEFT_OUT}},
        machine={"hardware": run["device"], "versions": run["versions"]},
    )


def _save_grid(folder: Path, path: Path) -> None:
    last = max((folder / GRIDS).glob("step_*.png"))
    with Image.open(last) as grid, replacing(path) as temporary:
        size = (grid.width * ENLARGED, grid.height * ENLARGED)
        grid.resize(size, Image.Resampling.NEAREST).save(temporary, format="PNG")


if __name__ == "__main__":
    main()
