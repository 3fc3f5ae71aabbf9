"""For a WSGI server of your own choice: `gunicorn -c config/gunicorn.py wsgi:app`."""

from careercenter.cli.serve import application

app = application()
