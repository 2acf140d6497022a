"""Maps of a picture: the class of each pixel, the depth of each pixel."""
