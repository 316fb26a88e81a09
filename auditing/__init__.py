"""`make audit`: known weaknesses and licences of what the product is installed with."""
