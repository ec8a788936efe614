"""The store: immutable objects and atomic refs. See docs/store.md."""
