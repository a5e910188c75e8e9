"""How large the parameters of a metric may be: beyond these no computer has the memory, or the time."""

from __future__ import annotations

from dlib_bvae.errors import check_memory

MOST_IMAGES = 2**27  # that are drawn, and points or votes: 1 GiB of indices
MOST_IN_BATCH = 2**20  # images of a point or a vote
MOST_BINS = 2**16  # of a code's values
MOST_FITS = 10_000  # trees, or experiments
_CODE_BYTES = 2**33
_TABLE_BYTES = 2**32


def check_codes_fit(images: int, latents: int) -> None:
    """Raises UserError where as many codes, float64 (images, latents), do not fit into 8 GiB."""
    what = f"{images:,} codes of {latents:,} numbers at once"
    check_memory(
        what, 8 * images * latents, _CODE_BYTES, "lower the metric's numbers of images (num_train, batch_size, …)"
    )


def check_tables_fit(latents: int, num_bins: int, values: int) -> None:
    """Raises UserError where tables int64 (latents, num_bins, values) do not fit into 4 GiB."""
    what = f"tables of {latents:,} codes × {num_bins:,} bins × {values:,} values of factors"
    check_memory(what, 8 * latents * num_bins * values, _TABLE_BYTES, "use fewer bins, or fewer codes")
