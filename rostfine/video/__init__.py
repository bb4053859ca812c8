"""Reading microscope videos of every codec, and cutting squares out of their frames."""
