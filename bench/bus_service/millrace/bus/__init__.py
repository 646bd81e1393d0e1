"""The smallest whole service: one state row and one emitted event for each that it eats."""
