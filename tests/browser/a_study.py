"""A study of six people in two contrasts and two methods, made in a second."""

import nibabel as nib
import numpy as np

import cordviz as cv

#: The two contrasts have grids of their own that share the world.
SPACING = {"T1w": (1.0, 1.0, 2.0), "T2star": (0.7, 0.7, 5.0)}


def picture(spacing, size, bright, seed):
    shape = tuple(int(n) for n in np.round(np.array([40, 40, 60]) / spacing))
    x, y, z = np.indices(shape)
    x, y, z = (v * s - 20 for v, s in zip((x, y, z), spacing, strict=True))
    r = np.hypot(x / (1.4 * size), (y - 0.05 * (z - 10)) / size)
    data = np.where(
        r < 1, 200.0 if bright else 90.0, np.where(r < 1.9, 90.0 if bright else 250, 40)
    )
    data += np.random.default_rng(seed).normal(0, 6, shape)
    levels = np.where(z > 20, 2, np.where(z > 0, 3, 4)).astype("u1")
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -20

    def image(array):
        return nib.Nifti1Image(array, affine)

    masks = {
        name: image(np.clip(0.5 + (edge - r) * size, 0, 1).astype("f4"))
        for name, edge in {"tight": 0.95 if bright else 1.0, "wide": 1.08}.items()
    }
    return image(data.astype("f4")), masks, image(levels)


def make(people=6):
    images, masks, levels = {}, {"tight": {}, "wide": {}}, {}
    for n in range(people):
        name = f"p{n + 1}"
        made = {
            c: picture(spacing, 4.0 + 0.12 * n, c == "T1w", n) for c, spacing in SPACING.items()
        }
        images[name] = {c: one[0] for c, one in made.items()}
        levels[name] = {c: one[2] for c, one in made.items()}
        for method in masks:
            masks[method][name] = {c: one[1][method] for c, one in made.items()}
    return cv.compare_contrasts(images, methods=masks, levels=levels, cache=False, progress=False)
