"""A small shop: which products to recommend to whom. Read the modules in this order.

sources, features, services, training, transforms, matrices, cascades
"""
