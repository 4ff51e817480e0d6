"""Which files are images by their names; what they hold is for siamese.images.load to find out. Imports nothing."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm")
