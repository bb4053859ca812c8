"""Following a tagged sperm through a video by template matching."""
