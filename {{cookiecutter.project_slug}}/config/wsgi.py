"""The application that the web server runs."""

from django.core.wsgi import get_wsgi_application
from trellis import env

env.use_settings("config.settings")
application = get_wsgi_application()
