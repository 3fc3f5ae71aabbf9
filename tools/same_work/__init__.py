"""Same work, once: a world of listings with known answers (`world`), and the fitting of the weights on it (`fit`)."""
