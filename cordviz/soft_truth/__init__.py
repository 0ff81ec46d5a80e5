"""Soft truth: hard masks of several contrasts, registered, averaged, and warped back."""

from .average import SoftTruth, Warp, average_soft_truth

__all__ = ["SoftTruth", "Warp", "average_soft_truth"]
