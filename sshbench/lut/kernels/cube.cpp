// The Python module `_cube`: reads the number rows of a .cube file.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(_cube, m) {}
