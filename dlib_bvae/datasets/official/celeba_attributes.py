"""celeba_attributes: the faces of celeba with their 40 attributes (Liu et al. 2015) as factors, without a grid."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dlib_bvae.datasets.derived.base import DerivedImages
from dlib_bvae.datasets.ground_truth import CATEGORICAL, LabelledImages
from dlib_bvae.datasets.official.celeba_and_chairs import CelebA
from dlib_bvae.datasets.official.files import DATA_VARIABLE, OfficialFile, check
from dlib_bvae.errors import UserError, unknown
from dlib_bvae.registry import configurable

ATTRIBUTES = (
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose"),
    *("Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses"),
    *("Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache"),
    *("Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks"),
    *("Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick"),
    *("Wearing_Necklace", "Wearing_Necktie", "Young"),
)
# The md5 is that on which independent public loaders agree, as for the images.
FILE = OfficialFile("list_attr_celeba.txt", "md5:75e246fa4810816ffd6ee81facbd244c")


@configurable("celeba_attributes", denylist=["data"])
class CelebAAttributes(DerivedImages, LabelledImages):
    """The images of celeba, in their order, with `attributes` as factors of two values: 0, absent; 1, present.

    attributes: some of ATTRIBUTES, or None for all. They are read from list_attr_celeba.txt, in the folder of the images, and
    from no other file. Not every combination occurs: metrics that choose factors refuse.
    Raises UserError for other names, and where the file is missing or not the published one.
    """

    def __init__(self, attributes: Sequence[str] | None = None, data: CelebA | None = None):
        chosen = ATTRIBUTES if attributes is None else tuple(attributes)
        if isinstance(attributes, str) or not chosen or len(set(chosen)) < len(chosen):
            raise UserError(f"celeba_attributes.attributes must list different attributes; got {attributes!r}")
        for name in chosen:
            if name not in ATTRIBUTES:
                raise unknown("attribute of CelebA", str(name), ATTRIBUTES)
        super().__init__(CelebA() if data is None else data, "celeba_attributes", {"attributes": chosen})
        self.factor_names, self.factor_sizes = chosen, (2,) * len(chosen)
        self.factor_kinds = (CATEGORICAL,) * len(chosen)

    def factors_at(self, indices: ArrayLike) -> np.ndarray:
        """Indices (n,) → factor values int64 (n, factors)."""
        return self._table[self.check_indices(indices)]

    @functools.cached_property
    def _table(self) -> np.ndarray:
        import pandas as pd

        path = self.data.folder / FILE.name  # type: ignore[attr-defined]
        if not path.is_file():
            raise UserError(
                f"there is no {FILE.name} in {path.parent}, which celeba_attributes needs; get it from "
                f"{CelebA.source.page} and put it there, or set {DATA_VARIABLE} to the folder that has it"
            )
        check(path, FILE)
        # The first line is the number of images, the second the names; a row begins with the name of its image.
        frame = pd.read_csv(path, sep=r"\s+", skiprows=1)
        expected = [f"{k + 1:06}.jpg" for k in range(self.num_images)]
        if (
            list(frame.columns) != list(ATTRIBUTES)
            or list(frame.index) != expected
            or not frame.isin([-1, 1]).all(axis=None)
        ):
            raise UserError(
                f"{path} must have ±1 for {len(ATTRIBUTES)} attributes of each of {self.num_images:,} images, in order; get it "
                "again"
            )
        return (frame[list(self.factor_names)].to_numpy() > 0).astype(np.int64)
