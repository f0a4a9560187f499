"""Renderings of results, one file each; pure functions from values to text."""
