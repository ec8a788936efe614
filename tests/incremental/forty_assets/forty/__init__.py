"""Forty assets: seven sources, twenty-two views, two training sets, transforms, matrices and cascades."""
