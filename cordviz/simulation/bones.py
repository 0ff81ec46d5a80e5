"""Bone and ligament behind the dural sac and above it: arches, epidural space, skull base."""

from __future__ import annotations

import numpy as np

from .anatomy import rounded_norm
from .layers import Layers, Points, ellipse, soft


def paint_skull(out: Layers, p: Points) -> None:
    """Posterior fossa with cerebellum, occipital bone and clivus, above C1."""
    u, v, w = p.u, p.v, p.width
    up = (0.75 - p.level) * 15.0  # mm above the foramen magnum
    if not up.max() > -8:
        return
    on = soft(up + 3, 4.0)
    grow = np.sqrt(np.clip(up + 3, 0.0, None))
    half = (10 + 6.2 * grow, 9 + 4.6 * grow)
    inside = ellipse(u, v, (0.0, 6 - 0.55 * half[1]), half) + 0.5 * p.mid
    folia = np.sin(1.6 * np.hypot(v + 4, up - 45) + 1.5 * p.mid)
    lobe = np.minimum(inside - 2.0, -v - 9 - 0.15 * up + u * u / 200)
    brain = soft(lobe, w) * on
    out.add("csf", brain * (0.12 + 0.12 * (folia > 0.7)))
    out.add("grey_matter", brain, p.speckle)
    out.add("csf", soft(inside, w) * on * soft(up, 4.0))
    out.add("bone", soft(inside + 1.2, w) * on)
    clivus = np.minimum(9 + 0.25 * up - p.side, np.minimum(v - p.front + 4, p.front + 8 - v))
    behind = (v < -4).astype(np.float32)
    out.add("marrow", soft(np.minimum(clivus - 1, up - 4), w), p.speckle)
    out.add("marrow", soft(inside + 5.5 + p.mid, w) * on * behind, p.speckle)
    out.add("bone", soft(np.maximum(clivus, (inside + 7.0) * behind), w) * on)


def paint_epidural_space(out: Layers, p: Points) -> None:
    """Fat behind, longitudinal ligament in front, veins at the sides of the dural sac."""
    inside = soft(p.wall, p.width) * p.neck
    if not inside.max() > 0:
        return
    ligament = soft(np.minimum(8 - p.side, p.v - 3.5), 2.0)
    out.add("ligament", inside * ligament * 0.8)
    veins = soft(p.v + 1 + p.mid, 2.0) * soft(p.side - 6, 2.0)
    out.add("blood", inside * veins * 0.35)
    # fat gathers behind, in the midline and between the laminae
    fat = soft(-p.v - 3.5 + 0.6 * p.mid, 2.0) * soft(4.0 - p.side, 3.0)
    out.add("fat", inside * fat * (0.25 + 0.6 * soft(4 - np.abs(p.to_disc), 4.0)), p.speckle)
    out.add("ligament", inside * 0.7)
    out.add("fat", inside * 0.4, p.speckle)
    out.add("muscle", inside, p.speckle)


def paint_arches(out: Layers, p: Points) -> None:
    """Laminae, articular pillars, pedicles, spinous processes, flaval ligament, foramina."""
    if p.v.min() > 13 or p.v.max() < (p.back - p.spinous).min() - 6:
        return
    v, w, wall, side = p.v, p.width, p.wall, p.side
    # laminae slope down: their middle lies in the lower half of the level
    lamina = np.minimum(np.minimum(-wall - 0.2, wall + 5.0), 1.5 - v)
    lamina = np.minimum(lamina, 5.5 - np.abs(p.phase - 0.62) * 15)
    pillar = ellipse(side, v, (p.rl + 7.5, -2.5), (6.3, 5.5)) + 0.3 * p.mid
    joint = np.abs(p.to_disc + 0.9 * (v + 2.5)) - 0.5
    pedicle = np.minimum(2.8 - np.abs(v - 3.5), 3.6 - np.abs(p.phase - 0.4) * 16)
    pedicle = np.minimum(pedicle, np.minimum(-wall, p.rl + 9 - side))
    transverse = ellipse(side, v, (p.rl + 6.5, 7.0), (6.5, 4.0))
    transverse = np.minimum(transverse, 3.0 - np.abs(p.phase - 0.45) * 15)
    reach = p.back - v  # distance behind the canal
    drop = (p.phase - 0.62) * 16 - 0.4 * np.clip(reach - 3, 0, 30)  # mm below the lamina
    process = 1 - rounded_norm((reach - p.spinous / 2) / (p.spinous / 2 + 2), drop / 4.6)
    process = np.minimum(4 * process, 2.0 + 0.05 * reach + 0.3 * p.mid - side)
    bony = np.maximum(np.maximum(lamina, process), np.maximum(pedicle, transverse))
    bony = np.maximum(bony, np.minimum(pillar, joint + 0.6)) + 0.15 * p.mid
    out.add("marrow", soft(bony - 1.15, w) * p.neck, 1.2 * p.speckle)
    out.add("disc", soft(np.minimum(pillar - 1, -joint - 0.1), w) * p.neck * 0.2)
    out.add("bone", soft(bony, w) * p.neck)
    flavum = np.minimum(np.minimum(-wall, wall + 2.6), -1.0 - v)
    out.add("ligament", soft(flavum, w) * p.neck * 0.75)
    # nerve root with its ganglion in the fat of the foramen, at disc height
    near = soft(3.5 - np.abs(p.to_disc + 1.5), 2.0) * p.neck
    along = (side - p.rl - 1.0) / 12.0
    root = np.minimum(1.9 + 0.8 * np.sin(3 * along) - np.abs(v - 2.5 - 4 * along), 13 * along)
    root = np.minimum(root, 13 * (1.2 - along))
    out.add("mucosa", soft(root, w) * near, p.speckle)
    out.add("fat", soft(root + 1.3, w) * near, p.speckle)
