"""Numbers, categories, texts and photos in numeric matrices."""

import headrace as hr

from .training import ages, purchases
from .transforms import age_encoding, purchase_encoding

age_matrix = hr.Matrix("age_matrix", rows=ages, transform=age_encoding)
purchase_matrix = hr.Matrix("purchase_matrix", rows=purchases, transform=purchase_encoding)
