from django.urls import path

from apps.bookings import views

app_name = "bookings"
urlpatterns = [
    path("", views.my_bookings, name="my_bookings"),
    path("sessions/<uuid:session_public_id>/", views.book_seat, name="book_seat"),
    path("<uuid:public_id>/cancel/", views.cancel_booking, name="cancel_booking"),
]
