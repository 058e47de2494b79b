"""The blur of scenes is SciPy's, bit for bit."""

import numpy as np
import pytest
from scipy import ndimage

from datasets.synthwalk.renderer.blur import gaussian_blur


@pytest.mark.parametrize(
    ("shape", "sigmas"),
    [((40, 70, 3), (1.6, 0.7, 0.0)), ((9, 11), (1.6, 1.6)), ((5, 3), (4.0, 0.2)), ((300, 20, 3), (3.0, 1.2, 0.0))],
)
def test_the_blur_is_that_of_scipy(shape, sigmas):
    picture = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(
        gaussian_blur(picture, sigmas), ndimage.gaussian_filter(picture, sigmas, mode="nearest")
    )
