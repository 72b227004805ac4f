from django.urls import path

from apps.catalog import views

app_name = "catalog"
urlpatterns = [
    path("", views.session_list, name="session_list"),
    path("titled/", views.session_search, name="session_search"),
    path("<uuid:public_id>/", views.session_detail, name="session_detail"),
]
