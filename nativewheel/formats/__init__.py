"""Native file formats: each reads an image into the model of `image.py` and applies an `Edit` to one."""
