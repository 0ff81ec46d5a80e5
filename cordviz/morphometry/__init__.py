"""Area and shape of a cord mask slice by slice, their means over levels, and SCT's CSV."""

from .aggregate import aggregate_shape, mean_csa
from .measure import measure_shape
from .sct_csv import save_sct_csv

__all__ = ["aggregate_shape", "mean_csa", "measure_shape", "save_sct_csv"]
