"""Methods that make their network at once, without training steps."""
