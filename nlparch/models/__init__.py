"""The task models: transformer teachers and the small models taught by them."""
