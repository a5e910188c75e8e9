"""What the metrics share: codes read in pieces, samples, information, probes, classifiers, repeats."""
