"""i-PI loads this file for ``i-pi-py_driver -m custom -P`` and for ``<ffdirect>``; see README.md next to it."""

from moe_ipi.driver.pes import MoEDriver

__all__ = ["MoEDriver"]
__DRIVER_NAME__ = "moe_ipi"
__DRIVER_CLASS__ = "MoEDriver"
