"""Images of one person compared around the cord: where it lies, and how it is bent in plane.

Masks say where their raters saw the cord, which is a little elsewhere in every contrast (an artery
in front of it is dark as cord in one and bright as fluid in another). The images say it together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from nibabel.nifti1 import Nifti1Image
from scipy.ndimage import binary_dilation

from ..images import reorient, spacing_mm, voxels
from .registration import Box, Link, pull

if TYPE_CHECKING:
    import SimpleITK as sitk

AROUND_MM = 7.0  #: around the cord, where images are compared to find its place
STEP_MM = 0.1  #: of places tried
FARTHEST_MM = 1.0  #: raters' centres are not further off; then the images have nothing in common
BINS = 32  #: of brightness
NEAR_MM = 4.0  #: around the cord, where images are compared to bend them
MESH_MM = (20.0, 20.0, 30.0)  #: of the B-splines: right–left, anterior–posterior, along
SAMPLED, ITERATIONS = 0.2, 20  #: of the fit of B-splines


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order: the same result on every machine."""
    import SimpleITK as sitk

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@_one_thread()
def settle(link: Link, image: Nifti1Image, onto: Nifti1Image, cord: np.ndarray, box: Box) -> Link:
    """Shift a contrast to the front or back, all slices alike, to where the images fit.

    Mattes mutual information of what lies within 7 mm around the cord. From side to side the
    masks keep their word: what deceives a rater lies before and behind the cord. So they do where
    the images have nothing to say, or fit best 1 mm away or further.
    """
    import SimpleITK as sitk

    try:
        method, fixed, moving, size = _images(link, image, onto, cord, box, AROUND_MM)
        there = sitk.TranslationTransform(3)
        steps = round(FARTHEST_MM / STEP_MM)
        method.SetOptimizerAsExhaustive([0, steps, 0], STEP_MM)
        method.SetInitialTransform(there, inPlace=True)
        method.Execute(fixed, moving)
    except RuntimeError:  # how SimpleITK says that there is nothing to compare
        return link
    shift = np.array(there.GetParameters())
    if np.abs(shift).max() > FARTHEST_MM - STEP_MM / 2:  # no best fit within
        return link
    back = np.linalg.inv(link.header)[:3, :3] @ (shift / size) * link.native.spacing
    return replace(link, goal=link.goal - back[:2])


@_one_thread()
def bend(link: Link, image: Nifti1Image, onto: Nifti1Image, cord: np.ndarray, box: Box) -> Link:
    """Add the smooth deformation in plane that fits an image onto the reference's near the cord.

    The images drive it (B-splines, Mattes mutual information); the masks hold the place and the
    area of every section. `cord` is the reference mask on the box of its grid.
    """
    import SimpleITK as sitk

    method, fixed, moving, size = _images(link, image, onto, cord, box, NEAR_MM)
    mesh = [max(1, round(n * s / m)) for n, s, m in zip(box.shape, size, MESH_MM, strict=True)]
    spline = sitk.BSplineTransformInitializer(fixed, mesh)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED, seed=1)
    method.SetOptimizerAsLBFGSB(numberOfIterations=ITERATIONS)
    method.SetInitialTransform(spline, inPlace=True)
    try:
        method.Execute(fixed, moving)
    except RuntimeError as error:
        raise ValueError(
            "An image and that of the reference show nothing in common around the cord that could "
            "drive a deformation. Look at them, or pass deform=False."
        ) from error
    domain = fixed.GetSize(), fixed.GetOrigin(), fixed.GetSpacing()
    fit = sitk.TransformToDisplacementField(spline, sitk.sitkVectorFloat64, *domain)
    there = _held(sitk.GetArrayFromImage(fit).T, cord, size)
    field = sitk.GetImageFromArray(np.ascontiguousarray(there.T), isVector=True)
    field.SetSpacing(size.tolist())
    back = sitk.GetArrayFromImage(sitk.InvertDisplacementField(field)).T
    size = size.reshape(3, 1, 1, 1)
    return replace(link, box=box, field=there / size, inverse=back / size)


def _images(
    link: Link, image: Nifti1Image, onto: Nifti1Image, cord: np.ndarray, box: Box, around_mm: float
) -> tuple[sitk.ImageRegistrationMethod, sitk.Image, sitk.Image, np.ndarray]:
    """What compares two images near the cord: method, fixed and moving image, voxel size in mm."""
    import SimpleITK as sitk

    onto, scan = reorient(onto), voxels(reorient(image))
    size = spacing_mm(onto)
    moving, seen = pull([scan, np.ones_like(scan)], link.to_native, box, (1, 1, 1))
    near = binary_dilation(cord > 0, iterations=max(1, round(around_mm / float(size.min()))))

    def itk(data: np.ndarray) -> Any:
        img = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
        img.SetSpacing(size.tolist())
        return img

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricFixedMask(itk((near & (seen > 0.99)).astype(np.uint8)))
    method.SetInterpolator(sitk.sitkLinear)
    return method, itk(voxels(onto)[box.slices]), itk(moving), size


def _held(field: np.ndarray, cord: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Displacements in mm (3, I, J, K) without what the masks know better: place and area.

    In every slice the cord's mean shift and its growth are taken out; nothing moves along it.
    """
    mass = cord.sum(axis=(0, 1))
    weight = cord / np.maximum(mass, 1e-6)
    at = np.indices(cord.shape)[:2] * size[:2].reshape(2, 1, 1, 1)
    about = at - (weight * at).sum(axis=(1, 2), keepdims=True)
    held = np.zeros_like(field)
    held[:2] = field[:2] - (weight * field[:2]).sum(axis=(1, 2), keepdims=True)
    growth = (weight * about * held[:2]).sum(axis=(0, 1, 2))
    growth /= np.maximum((weight * about**2).sum(axis=(0, 1, 2)), 1e-6)
    held[:2] -= growth * about
    return held * (mass > 0)
