"""What is measured: data planes, described only; one file each."""
