"""The archive layer: zip, RECORD, METADATA, WHEEL and tags.  Knows nothing of images."""
