"""What several tests use: pages in a browser, files in the official formats, codes with known scores, runs of a board."""
