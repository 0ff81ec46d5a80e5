"""Intervertebral discs: found without clicks, or carried from one image to another."""

from .detection import DiscsNotFound, FoundDiscs, find_discs, transfer_discs

__all__ = ["DiscsNotFound", "FoundDiscs", "find_discs", "transfer_discs"]
