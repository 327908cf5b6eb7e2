"""The workbench: what a service mesh costs an application, measured."""

__version__ = "0.1.0"
