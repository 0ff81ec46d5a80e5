"""Interactive views: widgets assembled into tools."""

from .image import label_discs, view_3d, view_csa, view_segmentation
from .study import view_comparison, view_contrast_explorer

__all__ = [
    "label_discs",
    "view_3d",
    "view_comparison",
    "view_contrast_explorer",
    "view_csa",
    "view_segmentation",
]
