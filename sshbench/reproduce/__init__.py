"""The paper's tables again: what is measured here beside what is published."""
