"""Static figures (plotly) of masks, areas and studies: they work without a kernel."""

from .comparison import plot_comparison, plot_contrast_explorer
from .contrasts import plot_contrasts
from .discs import plot_discs
from .profile import plot_csa_profile
from .segmentation import plot_segmentation
from .soft_truth import plot_soft_truth
from .study import plot_agreement, plot_csa_by_contrast
from .surface import plot_3d

__all__ = [
    "plot_3d",
    "plot_agreement",
    "plot_comparison",
    "plot_contrast_explorer",
    "plot_contrasts",
    "plot_csa_by_contrast",
    "plot_csa_profile",
    "plot_discs",
    "plot_segmentation",
    "plot_soft_truth",
]
