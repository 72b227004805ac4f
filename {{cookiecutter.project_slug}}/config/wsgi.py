"""The application that the web server runs."""

from django.core.wsgi import get_wsgi_application
from trellis import env
from trellis.web.requests import Utf8Request

env.use_settings("config.settings")
application = get_wsgi_application()
application.request_class = Utf8Request
