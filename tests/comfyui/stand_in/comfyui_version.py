"""As ComfyUI's: nothing but its version."""

__version__ = "0.3.64"
