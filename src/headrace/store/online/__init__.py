"""The online store: what each entity's features are now, read in microseconds."""
