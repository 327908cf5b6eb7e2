"""What a notebook calls: the functions behind ``import workbench as wb``."""
