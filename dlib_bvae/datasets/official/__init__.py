"""The published data sets: found, downloaded, verified and converted to memory-mapped rows once."""
