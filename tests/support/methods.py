"""Parameters with which every method trains on tiny images: of its objective, and of the network for its latents."""

SETTINGS = {
    "annealed_vae": {"c_max": 5.0, "gamma": 10.0, "iteration_threshold": 10},
    "beta_tc_vae": {"estimator": "stratified"},
    "control_vae": {"c_max": 5.0, "every": 5},
    "dip_vae": {"dip_type": "ii"},
    "factor_vae": {"width": 16, "depth": 2},
    "factor_qvae": {"width": 16, "depth": 2},
    "s2_vae": {"num_labelled": 20},
    "ada_gvae": {"changed": -1},
    "joint_vae": {"c_max": 5.0, "iteration_threshold": 10},
}
NETWORKS = {
    "gaussian": ("gaussian_vae", {}),
    "deterministic": ("deterministic_autoencoder", {}),
    "quantized": ("quantized_autoencoder", {}),
    "vector_quantized": ("vector_quantized_autoencoder", {"dim": 2, "num_vectors": 16}),
    "multi_rate": ("multi_rate_vae", {}),
    "categorical": ("categorical_vae", {}),
}
