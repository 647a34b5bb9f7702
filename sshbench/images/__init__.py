"""Reading images and masks from files, table cells and memory, and writing image files."""
