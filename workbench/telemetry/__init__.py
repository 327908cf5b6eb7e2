"""What is watched meanwhile: describe and parse; one file each."""
