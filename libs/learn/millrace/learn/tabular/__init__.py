"""Models of features: a matrix of numbers and categories in, numbers or labels out."""
