"""The pure core: what the numbers mean. No input or output, no clock, no randomness."""
