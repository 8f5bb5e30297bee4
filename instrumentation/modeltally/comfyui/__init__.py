"""ComfyUI, from outside: the prompts of a server that cannot be changed, from what its API says.

A program that sends prompts, and listens to what it is told of them, records its own with :class:`Prompts`. Those of
everybody are recorded by ``modeltally comfyui URL``, which reads the server's queue and history. Where ComfyUI itself
can be started by ``modeltally run``, that says more, and either of these would count the same prompt once more.
"""

from modeltally.comfyui._prompts import Prompts

__all__ = ["Prompts"]
