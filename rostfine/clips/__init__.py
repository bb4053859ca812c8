"""Clips: cut along tracks, kept on disk, and made ready for the models."""
