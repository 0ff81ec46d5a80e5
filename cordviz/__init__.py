"""cordviz: segment the spinal cord, measure its area, and see how both depend on MRI contrast.

The public names are listed in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

from ._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
