"""Microscope videos of swimming sperm with known tracks and traits, and experts who grade them."""
