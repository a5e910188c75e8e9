"""Readers of the files that others made: whatever bytes come, they give checked arrays or one UserError."""
