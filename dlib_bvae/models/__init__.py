"""Models: architectures, likelihoods, objectives and the networks they make."""
