"""Methods across contrasts: one tidy table, its statistics, and how many people a study needs."""

from .compare import compare_contrasts, simulated_raters
from .summary import Variability, subjects_needed, summarize_variability

__all__ = [
    "Variability",
    "compare_contrasts",
    "simulated_raters",
    "subjects_needed",
    "summarize_variability",
]
