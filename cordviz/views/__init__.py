"""Interactive views: widgets assembled into tools."""

from .image import label_discs, view_csa, view_segmentation
from .study import view_comparison, view_contrast_explorer
from .three_d import view_3d

__all__ = [
    "label_discs",
    "view_3d",
    "view_comparison",
    "view_contrast_explorer",
    "view_csa",
    "view_segmentation",
]
