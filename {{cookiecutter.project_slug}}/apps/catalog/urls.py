from django.urls import path

from apps.catalog import views

app_name = "catalog"
urlpatterns = [
    path("workshops/propose/", views.propose_workshop, name="propose_workshop"),
]
