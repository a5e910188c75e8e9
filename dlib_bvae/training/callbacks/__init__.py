"""What looks at a training between its steps: validation, divergence, the Fréchet curve."""
