"""Loaded by i-PI: ``i-pi-py_driver -m custom -P moe_ipi_pes.py -o config=moe.toml,template=init.xyz``, or ``<ffdirect>``."""

from moe_ipi.driver.pes import MoEDriver

__all__ = ["MoEDriver"]
__DRIVER_NAME__ = "moe_ipi"
__DRIVER_CLASS__ = "MoEDriver"
