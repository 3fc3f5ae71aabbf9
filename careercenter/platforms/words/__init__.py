"""What platforms say in words (kinds of work, places, pay, hours, dates), read in the same way for every plugin."""
