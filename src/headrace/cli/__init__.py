"""The command line: one file a command. Thin: every command asks the builder, the store or the engine."""
