"""What the models learn from."""

import headrace as hr

from .features import customer_activity, customer_moments, customer_profile
from .services import purchase
from .sources import impressions

ages = hr.TrainingSet(
    "ages",
    spine=customer_moments,
    label="age_band",
    features=[customer_activity, customer_profile],
    split=hr.GroupSplit(by="customer_id", test=0.25),
    description="Customers of a known age band.",
    owners=["team:shop"],
)

purchases = hr.TrainingSet(
    "purchases",
    spine=impressions,
    label="bought",
    features=purchase,
    split=hr.TimeSplit(validation="14d", test="14d"),
    description="Impressions with what was known of customer and product when they were shown.",
    owners=["team:shop"],
)
