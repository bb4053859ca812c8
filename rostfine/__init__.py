"""From microscope videos of sperm and experts' votes to a model of grade distributions."""
