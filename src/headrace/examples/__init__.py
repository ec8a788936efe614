"""Example projects that ship with Headrace: generators of their raw data, nothing that `import headrace` loads."""
