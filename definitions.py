"""What Dagster loads: `dagster-webserver -w workspace.yaml` or `headrace dev`."""

import assets
import headrace as hr
from resources import resources

defs = hr.definitions(assets, resources=resources)
