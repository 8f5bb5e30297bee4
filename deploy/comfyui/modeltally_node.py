"""A custom node of ComfyUI that has no nodes: copied into ``custom_nodes``, it has modeltally watch every prompt.

modeltally itself has to be installed where ComfyUI runs: ``python -m pip install modeltally``. Settings come from the
environment, as everywhere; where ComfyUI is started by ``modeltally run``, this file is not needed and changes nothing.
"""

import modeltally

modeltally.auto_instrument()

NODE_CLASS_MAPPINGS: dict[str, type] = {}
