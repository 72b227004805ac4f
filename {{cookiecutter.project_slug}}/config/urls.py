"""The addresses of the project."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView
from trellis import web
from trellis.web import mails, uploads

api = web.make_api(public_docs=not settings.PRODUCTION)  # /api/docs; otherwise staff only
api.add_router("/bookings", "apps.bookings.api.router")  # example
api.add_router("/sessions", "apps.catalog.api.router")  # example
api.add_router("/proposals", "apps.catalog.api.proposals")  # example
# startapp adds API routers above this line

urlpatterns = [
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("accounts/", include("apps.accounts.urls")),
    path("", include("apps.bookings.urls")),  # example
    path("", include("apps.catalog.urls")),  # example
    path("insights/", include("apps.insights.urls")),  # example
    # startapp adds urls above this line
    path("_mail/", mails.sent),  # in development only: elsewhere it answers 404
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("media/<path:path>", uploads.serve, name="media"),
    path("_map/", include("trellis.web.map")),
]

handler500 = "trellis.web.pages.server_error"

if "debug_toolbar" in settings.INSTALLED_APPS:  # asked for by TOOLBAR=1
    from debug_toolbar.toolbar import debug_toolbar_urls

    urlpatterns += debug_toolbar_urls()
