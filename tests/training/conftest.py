"""Networks small enough for many trainings."""

import gin
import pytest
from support.methods import Decoder, Encoder


@pytest.fixture
def tiny_networks():
    """gin makes MLPs of one layer of 32 with 4 latents, for images of 16×16×1."""
    gin.bind_parameter("encoder.encoder_fn", Encoder)
    gin.bind_parameter("decoder.decoder_fn", Decoder)
    gin.bind_parameter("encoder.num_latent", 4)
    yield
    gin.clear_config()
