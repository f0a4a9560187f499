"""Repair built wheels for Linux, macOS and Windows from any host, and let wheels share native libraries."""
