"""Simulated necks whose cord is known exactly, imaged by models of real sequences."""

from .subject import Subject, simulate_subject

__all__ = ["Subject", "simulate_subject"]
