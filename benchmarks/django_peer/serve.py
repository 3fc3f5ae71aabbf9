"""`gunicorn benchmarks.django_peer.serve:application`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.django_peer.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
