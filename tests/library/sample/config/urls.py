from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path

from trellis import web

api = web.make_api()


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("home")


urlpatterns = [
    path("", home, name="home"),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
]
