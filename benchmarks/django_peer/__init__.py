"""The same pages as a Django application would have them: ORM, templates with the cached loader, Django's own sessions."""
