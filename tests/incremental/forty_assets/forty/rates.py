"""Numbers that others import."""

ADULT = 18
PAGES = {"shop": 2, "blog": 1}
DEPTH = 10
ORDERS = 1000
