"""When the pipeline runs, and what happens if a part of it fails."""
