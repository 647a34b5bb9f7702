"""The paper's tables: measured numbers beside published ones."""
