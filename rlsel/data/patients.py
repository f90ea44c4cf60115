"""Patients: one spelling of each id, and a search for ids that the config does not name."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

import numpy as np

from rlsel.data.samples import SampleSet
from rlsel.data.sources import EmbeddingsSource, FileSource, FolderSource, ParquetSource
from rlsel.data.sources.embeddings import other_columns
from rlsel.data.sources.folder import patient_pattern
from rlsel.data.sources.parquet import columns_of
from rlsel.machine.wording import counted

FORMS = (
    r"(TCGA-[0-9A-Z]{2}-[0-9A-Z]{4})",
    r"(?i)((?:patient|pat|case|subject|sub|person|slide)[-_ ]?\d+)",
    "folder",
    "prefix",
    r"([^/]*-\d+)-\d+\.\w+$",
)
"""Values of `patient_from` that are tried on the file names, the most reliable first."""
FEWEST_PATIENTS = 5
"""Fewer distinct names than this are more likely to be of magnifications or scanners."""
IMAGES_EACH = 1.5
"""Fewest images per patient and class, on average. With fewer, the names seem to number images."""
COLUMN = re.compile(
    r"(patient|subject|case|participant|person|donor|slide|wsi)s?([ _.-]?(id|nr|no|number|name))?"
)
"""Names of a column of patients, in lower case."""
NUMBER = re.compile(r"\+?0*(\d+)(\.0*)?", re.ASCII)


def in_one_writing(parts: Mapping[str, SampleSet]) -> tuple[dict[str, SampleSet], tuple[str, ...]]:
    """The same samples, with one spelling for each patient in all parts; and a note.

    Ids are taken as equal if they differ only in blanks around them, in upper and lower case, in
    zeros before a number or in a decimal point after it: "007", 7 and "7.0" are one patient. An id
    that is always spelt the same way stays as it is.
    """
    known = [images.patients for images in parts.values() if images.patients is not None]
    writings: dict[str, set[str]] = {}
    for written in np.unique(np.concatenate(known)).tolist() if known else ():
        writings.setdefault(_plain(written), set()).add(written)
    called = {
        written: plain
        for plain, several in writings.items()
        if len(several) > 1
        for written in several
    }
    if not called:
        return dict(parts), ()
    some = " and ".join(map(repr, sorted(next(w for w in writings.values() if len(w) > 1))))
    note = (
        f"{counted(len(set(called.values())), 'patient')} written in several ways, such as {some}, "
        "taken as one each"
    )
    return {split: _renamed(images, called) for split, images in parts.items()}, (note,)


def _plain(written: str) -> str:
    text = unicodedata.normalize("NFKC", written).strip().casefold()
    number = NUMBER.fullmatch(text)
    return number.group(1) if number else text


def _renamed(images: SampleSet, called: Mapping[str, str]) -> SampleSet:
    if images.patients is None:
        return images
    return images.changed(patients=np.array([called.get(p, p) for p in images.patients.tolist()]))


def tell_of_patients(
    source: FileSource | EmbeddingsSource, parts: Mapping[str, SampleSet]
) -> tuple[str, ...]:
    """A warning if patients are unknown but file or column names seem to give them.

    The line names the setting that would read them.

    Args:
        parts: train, val and test.
    """
    setting = patient_setting(source, parts)
    if isinstance(source, FolderSource) and source.patient_from == "none":
        told = _in_file_names(parts, setting[1]) if setting else ()
        return (*told, *_in_class_names(parts))
    if setting is None:
        return ()
    key, name = setting
    return (
        f"patients are unknown, so splits may share them; if the column {name!r} names them, set "
        f"data.source.{key}: {name}",
    )


def patient_setting(
    source: FileSource | EmbeddingsSource, parts: Mapping[str, SampleSet]
) -> tuple[Literal["patient_from", "patient_column"], str] | None:
    """The setting of a source that would read the patients, and its value. None if they are known
    already, or if no name seems to give them."""
    if isinstance(source, FolderSource) and source.patient_from == "none":
        everything = [name for images in parts.values() for name in _below_class(images)]
        labels = np.concatenate([images.labels for images in parts.values()]).tolist()
        form = next((form for form in FORMS if _suits(form, everything, labels)), None)
        return None if form is None else ("patient_from", form)
    if isinstance(source, ParquetSource | EmbeddingsSource) and source.patient_column is None:
        is_images = isinstance(source, ParquetSource)
        columns = columns_of(source) if is_images else other_columns(source)
        names = [name for name in columns if COLUMN.fullmatch(name.casefold())]
        return ("patient_column", names[0]) if names else None
    return None


def _in_file_names(parts: Mapping[str, SampleSet], form: str) -> tuple[str, ...]:
    names = {split: _below_class(images) for split, images in parts.items()}
    everything = [name for inside in names.values() for name in inside]
    of = {split: set(found_by(form, inside)) for split, inside in names.items()}
    patients = set().union(*of.values())
    num_shared = sum(sum(patient in one for one in of.values()) > 1 for patient in patients)
    setting = form if form.isalpha() else f"'{form}'"
    shared = f": {num_shared:,} of {len(patients):,} are in more than one" if num_shared else ""
    return (
        f"patients are unknown, so splits may share them, but file names seem to contain them "
        f"({everything[0]} is of {found_by(form, everything[:1])[0]}){shared}; if so, set "
        f"data.source.patient_from: {setting}",
    )


def _in_class_names(parts: Mapping[str, SampleSet]) -> tuple[str, ...]:
    """A warning if the outer folders may be patients with class folders inside: 8863/0/a.png."""
    class_names = parts["train"].class_names
    numbered = all(any(map(str.isdigit, name)) for name in class_names)
    below = [name for images in parts.values() for name in _below_class(images)]
    inner = {name.split("/", 1)[0] for name in below}
    if not numbered or not all("/" in name for name in below):
        return ()
    if len(class_names) < FEWEST_PATIENTS or not 2 <= len(inner) < len(class_names):
        return ()
    return (
        f"the classes may be patients: each of {', '.join(class_names[:3])}, ... holds "
        f"{', '.join(sorted(inner)[:3])}; if those are the classes, they belong outside "
        f"({min(inner)}/{class_names[0]}/...), with data.source.patient_from: folder",
    )


def _below_class(images: SampleSet) -> list[str]:
    """Paths below the class folder. The class folder itself lies in that of the split, if any."""
    names = []
    for name, label in zip(images.ids.tolist(), images.labels.tolist(), strict=True):
        before, _, below = name.partition(f"{images.class_names[label]}/")
        names.append(below if before in ("", "train/", "val/", "test/") else "")
    return names


def _suits(form: str, names: list[str], labels: list[int]) -> bool:
    found = found_by(form, names)
    if len(found) < len(names) or not all(any(map(str.isdigit, one)) for one in found):
        return False
    num_each = len(set(zip(found, labels, strict=True)))
    return len(set(found)) >= FEWEST_PATIENTS and num_each * IMAGES_EACH <= len(names)


def found_by(form: str, names: list[str]) -> list[str]:
    """The patients that this `patient_from` finds; names in which it finds none are skipped."""
    pattern = patient_pattern(form)
    found = [pattern.search(name) for name in names] if pattern else []
    return [match.group(1) for match in found if match]
