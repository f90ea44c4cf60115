"""The sections that the records of `correct` and `paper` make."""

from typing import Any

from rlsel.metrics import SCORE_METRICS
from rlsel.reporting.wording import in_order, label

Record = dict[str, Any]
AUGMENTED = "traditional_augmentation"
CORRECT_TITLE = "Does a GPU compute the same, twice, and survive being full?"
PAPER_TITLE = "The paper's line at 96 px (`tune_configs/pcam_paper.yaml`)"


def correct_section(record: Record, name: str) -> str:
    """A row for each check."""
    lines = [
        f"## {CORRECT_TITLE}",
        "",
        _origin(record, name),
        "",
        "*Agreement* compares a result with the same one in fp32 on the CPU: the length of the "
        "difference over the length of the CPU's vector. *Repeats* trains the same again, in a "
        "fresh trainer, and alone: the largest difference of validation logits over the largest "
        "logit, where 0 is equal to the bit. *Shortage* fills the GPU until less memory is left "
        "than the work takes.",
        "",
        "| check | passed | figure |",
        "| --- | --- | --- |",
    ]
    for key, cell in record["cells"].items():
        figures = [
            f"{figure.replace('_', ' ')} {value:.2g}"
            for figure, value in cell.items()
            if figure not in ("ok", "said", "warning")
        ]
        said = [text for text in (cell.get("said"), cell.get("warning")) if text]
        passed = "yes" if cell["ok"] else "**no**"
        lines.append(f"| {key.replace('/', ': ', 1)} | {passed} | {'; '.join(figures + said)} |")
    return "\n".join([*lines, ""])


def paper_section(record: Record, name: str) -> str:
    """Final scores of the paper's line, with the GAN's training in seconds beside them."""
    plan, run = record["cells"]["plan"], record["cells"]["run"]
    scores = dict(record["summary"]["scores"])
    augmented = scores.pop(AUGMENTED, None)
    rows = {label(method): scores[method] for method in in_order(list(scores))}
    if augmented:
        rows["real only, flips and colour jitter"] = augmented
    rounds = max((one["accuracy"]["n"] for one in rows.values()), default=0)
    lines = [
        f"## {PAPER_TITLE}",
        "",
        _origin(record, name),
        "",
        "3,931 + 2,757 patches of a JPEG subset of PCam, scored on all of its test patches. The "
        f"GAN was trained for {plan['generator_planned_s']:.0f} s "
        f"({plan['generator_images']:,} images). There is one draw of data (n = 1): each cell is "
        f"the mean ± sample std of {rounds} trainings that share the draw and the selection.",
        "",
        "| trained on real + | " + " | ".join(SCORE_METRICS) + " | kept |",
        "| --- |" + " ---: |" * (len(SCORE_METRICS) + 1),
    ]
    kept = {label(method): num for method, num in run["num_kept"].items()}
    for method, by_metric in rows.items():
        cells = [_figure(by_metric[metric]) for metric in SCORE_METRICS]
        lines.append(f"| {method} | {' | '.join(cells)} | {kept.get(method, 0):,} |")
    spent = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in run["stage_s"].items())
    return "\n".join([*lines, "", f"Time: {spent}.", ""])


def _figure(figure: dict[str, Any]) -> str:
    if figure["mean"] is None:
        return "–"
    spread = f" ± {figure['std']:.3f}" if figure["std"] is not None else ""
    return f"{figure['mean']:.3f}{spread}"


def _origin(record: Record, name: str) -> str:
    return f"{record['hardware']}; torch {record['versions']['torch']}; record `{name}.json`."
