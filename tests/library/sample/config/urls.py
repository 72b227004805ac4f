from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from trellis import web

api = web.make_api(public_docs=True)


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("home")


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault of ours")


urlpatterns = [
    path("", home, name="home"),
    path("breaks/", breaks),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("_map/", include("trellis.web.map")),
]
