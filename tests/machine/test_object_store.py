"""A store of Ray's that is too small for what a run shares is one line with both numbers."""

from collections.abc import Callable

import numpy as np
import pytest
import ray
from ray.exceptions import ObjectStoreFullError, OutOfDiskError

from rlsel.errors import InputError
from rlsel.machine.cluster import get, put, store

pytestmark = pytest.mark.usefixtures("ray_cluster")
MIB = 2**20


def refusing(error: type[Exception]) -> Callable[..., None]:
    def refuse(*arguments: object, **named: object) -> None:
        raise error("The object cannot be created because the store is full\nand 40 lines more")

    return refuse


@pytest.mark.parametrize("error", [ObjectStoreFullError, OutOfDiskError])
def test_a_full_store_is_told_with_what_is_needed_and_what_there_is(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "put", refusing(error))

    with pytest.raises(InputError) as raised:
        put(np.zeros(3 * MIB, np.uint8), "the samples of the run")

    said = str(raised.value)
    assert said.startswith("the samples of the run take 3 MiB, and on ")
    assert "Ray's object store has 256 MiB and its disk is full" in said
    assert "RAY_DEFAULT_OBJECT_STORE_MEMORY_PROPORTION" in said
    assert "\n" not in said


def test_a_machine_of_a_cluster_that_cannot_take_it_names_the_option_of_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference = ray.put(np.zeros(3 * MIB, np.uint8))
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.5:6379")
    monkeypatch.setattr(ray, "get", refusing(OutOfDiskError))

    with pytest.raises(InputError, match=r"take 3 MiB, .* --object-store-memory=BYTES$"):
        get(reference, "the samples of the run")


def test_what_lies_on_the_disk_because_the_store_is_small_is_a_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(store, "_store_bytes", lambda: {"a": 2 * MIB, "b": 9 * MIB})

    reference = put({"x": np.full(3 * MIB, 7, np.uint8)}, "the samples of the run")

    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(
        "note: the samples of the run take 3 MiB, and Ray's object store has 2 MiB on 1 of 2 "
        "machines, so that they lie on the disk"
    )
    assert get(reference, "the samples of the run")["x"][-1] == 7


def test_what_fits_is_put_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    put(np.zeros(MIB, np.uint8), "the samples of the run")

    assert capsys.readouterr().out == ""
