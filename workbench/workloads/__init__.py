"""The services that answer; one file each, and the quiet server they run."""
