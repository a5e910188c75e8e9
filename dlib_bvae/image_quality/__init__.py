"""Distances between images by the features of a network, and what is compared under which protocol."""
