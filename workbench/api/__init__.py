"""The functions behind ``import workbench as wb``."""
