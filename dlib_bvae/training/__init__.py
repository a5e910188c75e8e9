"""Training: one session of steps, from the images of a data set to the weights of a network."""

from dlib_bvae.runtime import prepare_tensorflow

prepare_tensorflow()
