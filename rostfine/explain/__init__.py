"""Where a model looked: attention rolled out to the patches of a clip, measured and drawn."""
