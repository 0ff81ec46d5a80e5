"""Static figures (plotly) of masks and of the area along the cord: they work without a kernel."""

from .area import plot_agreement, plot_csa_by_contrast, plot_csa_profile
from .image import plot_discs, plot_segmentation, plot_soft_truth
from .style import FONT, LINE_COLOURS, PAGE

__all__ = [
    "FONT",
    "LINE_COLOURS",
    "PAGE",
    "plot_agreement",
    "plot_csa_by_contrast",
    "plot_csa_profile",
    "plot_discs",
    "plot_segmentation",
    "plot_soft_truth",
]
