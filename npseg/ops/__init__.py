"""The operations, in pairs: ``<op>_forward`` returns ``(output, cache)``, ``<op>_backward`` takes ``(dout, cache)``."""
