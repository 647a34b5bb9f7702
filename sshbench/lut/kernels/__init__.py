"""Compiled kernels: the CPU module `_cpu`, the CUDA source, and the modules that load them."""
