"""The contract between the plugin in i-PI and the drivers: what travels in the ``<parameters>`` of a force field."""
