"""One file a command: `run(args)` does its work and returns an `Outcome`."""
