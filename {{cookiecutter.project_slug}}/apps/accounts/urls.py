from django.contrib.auth.views import LogoutView
from django.urls import path

from apps.accounts import views

app_name = "accounts"
urlpatterns = [
    path("login/", views.SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    # Without these two lines, only staff create accounts.
    path("sign-up/", views.sign_up, name="sign_up"),
    path("sign-up/<str:token>/", views.confirm_sign_up, name="confirm_sign_up"),
    path("link-sent/", views.LinkSent.as_view(), name="link_sent"),
    path("password/", views.ChangePassword.as_view(), name="change_password"),
    path("password-reset/", views.request_password_reset, name="request_password_reset"),
    path("password-reset/<uidb64>/<token>/", views.ResetPassword.as_view(), name="reset_password"),
]
