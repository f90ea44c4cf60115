"""Settings that contradict each other are refused."""

from typing import Any

import pytest
from pydantic import ValidationError
from small_gan import small_config


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"channels": 13}, "max_channels is 8, less than channels, 13"),
        ({"augmentation": ("cutout", "cutout")}, "augmentation has cutout more than once"),
        ({"num_images": 5}, "num_images is 5, and one step alone sees 6; raise num_images"),
        ({"num_per_class": 7}, "greater than or equal to 8"),
        ({"augmentation": ("blur",)}, "'flip', 'colour', 'translation' or 'cutout'"),
        ({"betas": (0.0, 1.0)}, "less than 1"),
        ({"colour": True}, "Unexpected keyword argument"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        small_config(**changed)
