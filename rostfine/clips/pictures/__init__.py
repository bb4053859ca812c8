"""Pictures of clips and tracks: what was followed, to be looked at."""
