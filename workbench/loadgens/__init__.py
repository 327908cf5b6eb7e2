"""Load generators: describe the program to run and parse what it leaves; one file each."""
