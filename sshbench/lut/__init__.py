"""The LUT engine: a `.cube` file <-> tables <-> pixels."""
