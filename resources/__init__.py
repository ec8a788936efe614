"""What the project's own Dagster assets may ask for."""

import headrace as hr

resources = {"warehouse": hr.Warehouse()}
