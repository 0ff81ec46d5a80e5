"""cordviz: segment the spinal cord, measure its area, and see how both depend on MRI contrast."""

from .contrasts import closest_contrast, guess_contrast
from .images import load_image, save_mask
from .plots import plot_csa_profile, plot_segmentation
from .segmentation import segment_cord

__version__ = "0.1.0"

__all__ = [
    "closest_contrast",
    "guess_contrast",
    "load_image",
    "plot_csa_profile",
    "plot_segmentation",
    "save_mask",
    "segment_cord",
]
