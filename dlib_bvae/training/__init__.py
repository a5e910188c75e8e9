"""Training: the loop, its optimisers, schedules, input and checkpoints."""
