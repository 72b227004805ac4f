"""The application that the web server runs."""

from django.core.wsgi import get_wsgi_application
from trellis import env

env.use_settings("config.settings")
application = get_wsgi_application()

from trellis.web.requests import Utf8Request  # noqa: E402  # needs the apps to be loaded

application.request_class = Utf8Request
