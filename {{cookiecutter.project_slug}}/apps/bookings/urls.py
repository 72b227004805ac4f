from django.urls import path

from apps.bookings import views

app_name = "bookings"
urlpatterns = [
    path("sessions/", views.session_list, name="session_list"),
    path("sessions/<uuid:public_id>/", views.session_detail, name="session_detail"),
    path("sessions/<uuid:public_id>/book/", views.book_seat, name="book_seat"),
    path("bookings/", views.my_bookings, name="my_bookings"),
    path("bookings/<uuid:public_id>/cancel/", views.cancel_booking, name="cancel_booking"),
]
