"""The command line: parses options, prints, and sets the exit status.  Nothing else in nativewheel prints."""
