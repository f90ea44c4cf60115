"""The sections of docs/benchmarks/generators.md."""

from dataclasses import replace
from statistics import fmean, median
from typing import Any

from rlsel.reporting.tables import Table, classification_table, pattern_table, quality_tables
from rlsel.runs.record import Record

Content = dict[str, Any]


def speed_section(record: Content, name: str) -> str:
    """Images a second of ours and of the plain peer, and how many times the peer's."""
    lines = [
        "## How fast the generator trains",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}; record `{name}.json`, by "
        "`python benchmarks/generator_speed.py`.",
        "",
        "The speed is the number of real images that the discriminator sees in a second, with the "
        "generator's steps included. The plain peer (`benchmarks/generation/plain_gan.py`) has the "
        "same networks, losses and augmentation, as a user would write them: in fp32, in PyTorch's "
        "default memory layout, not compiled. Both took turns in one process. Each figure is the "
        "median of n timings; the last ratio is of pairs, in brackets the lowest and highest.",
        "",
        "| size | channels | batch | threads | ours | plain | times the peer | n |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cell in record["cells"].values():
        config, rates, times = cell["config"], cell["images_per_s"], cell["times_plain"]
        lines.append(
            f"| {cell['size_px']} px | {config['channels']} | {config['batch_size']} "
            f"| {cell['threads'] or '–'} | {median(rates['ours']):.0f} "
            f"| {median(rates['plain']):.0f} "
            f"| {median(times):.2f} ({min(times):.2f} to {max(times):.2f}) | {record['n']} |"
        )
    return "\n".join([*lines, ""])


def quality_section(content: Content, name: str) -> str:
    """What a recipe makes: a grid, its figures beside those of real images, time."""
    run, summary, seed = content["cells"]["run"], content["summary"], content["config"]["seed"]
    recipe = name.removeprefix("generator_quality_")
    record = replace(
        Record(name=recipe, config_hash="", seed=seed, finished=True),
        quality=run["quality"],
        classification=run["classification"],
        pattern=run.get("pattern", {}),
    )
    lines = [
        f"## What the generator makes (`rlsel generate tune_configs/{recipe}.yaml`)",
        "",
        f"{content['hardware']}; torch {content['versions']['torch']}; seed {seed}; record "
        f"`{name}.json`, by `python benchmarks/generator_quality.py {recipe}`.",
        "",
        f"The GAN was trained for {summary['minutes_of_training']:.0f} minutes at "
        f"{summary['images_per_s']:.0f} images/s. Each row of the picture is a class. It shows the "
        "first images that were drawn; none was picked:",
        "",
        f"![Generated patches](../images/{recipe}.png)",
        "",
        "Two numbers stand in each cell of the first table: that of the candidates, and after the "
        "slash that of held-out real images in their place. A Fréchet distance means little by "
        "itself; read it against the second number. The second table is the mean correlation of "
        "two images of a class, which is high if a generator paints the same pattern into all of "
        f"them. The classifiers of the last table were trained {content['n']} times, on candidates "
        "alone and on as many real images.",
        "",
    ]
    tables = (*quality_tables(record), pattern_table(record), classification_table(record))
    lines += [line for table in tables if table for line in _markdown(table)]
    return "\n".join(lines)


def recipes_section(record: Content, name: str) -> str:
    """What each recipe's candidates teach, beside the real images that it was trained on."""
    rows = record["summary"]
    rounds = len(next(iter(record["cells"].values()))["alone"])
    lines = [
        "## Which recipe suits 500 real patches",
        "",
        f"{record['hardware']}; torch {record['versions']['torch']}; record `{name}.json`, by "
        "`python benchmarks/generator_recipes.py`.",
        "",
        "The generator of `tune_configs/pcam_small.yaml` is trained with each augmentation, on 500 "
        "real patches of a draw that no whole run uses. Then a ResNet34 learns its 1,024 "
        "candidates alone, and the real images with the candidates. The table shows accuracy on "
        f"validation images; test images are not read. Each cell is the mean of {rounds} trainings "
        "a draw, in brackets the lowest and highest.",
        "",
        "| augmentation | images seen | draws | candidates alone | real + candidates |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for recipe, row in rows.items():
        augmentation, _, num_images = recipe.partition(" | ")
        if num_images:
            scores = f"{_range(row['alone'])} | {_range(row['with_real'])}"
            seen = f"{int(num_images):,}"
            lines.append(f"| {augmentation} | {seen} | {row['num_draws']} | {scores} |")
        else:
            lines.append(f"| ({recipe} alone) | | {row['num_draws']} | | {_range(row['alone'])} |")
    return "\n".join([*lines, ""])


def _range(values: list[float]) -> str:
    return f"{fmean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def _markdown(table: Table) -> list[str]:
    rows = [[row.label, *row.cells] for row in table.rows]
    rule = ["---", *["---:"] * (len(table.columns) - 1)]
    lines = [f"| {' | '.join(cells)} |" for cells in (table.columns, rule, *rows)]
    return [f"{table.title}:", "", *lines, ""]
