"""Pages to sign up, to sign in and for passwords."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import LoginView, PasswordChangeView, PasswordResetConfirmView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from django.views.generic import TemplateView
from trellis import web
from trellis.web import limits

from apps.accounts import forms, selectors, services

FORM = "accounts/form.html"
for_forms = require_http_methods(["GET", "HEAD", "POST"])  # Django's views take a PUT for a POST


@method_decorator(for_forms, name="dispatch")
class SignIn(LoginView):
    template_name = "accounts/login.html"
    authentication_form = forms.SignInForm


@for_forms
def sign_up(request: HttpRequest) -> HttpResponse:
    """Mail a link to an email address. The answer does not reveal who has an account."""
    form = forms.EmailForm(request.POST or None)
    if form.is_valid():
        email = form.cleaned_data["email"]
        limits.count(request, limits.SIGN_UP, name=email)
        services.request_sign_up(email=email, site=_site(request))
        return redirect("accounts:link_sent")
    return web.render(request, FORM, {"form": form, "title": "Sign up", "button": "Send a link"})


@for_forms
@sensitive_post_parameters()
@never_cache
def confirm_sign_up(request: HttpRequest, token: str) -> HttpResponse:
    """Create the account that a mailed link is for. Opening the link does not use it up."""
    email = selectors.email_of_sign_up_link(token=token)
    form = forms.NewAccountForm(request.POST or None, email=email)
    if form.is_valid():
        services.sign_up(
            token=token,
            name=form.cleaned_data["name"],
            password=form.cleaned_data["new_password1"],
        )
        messages.success(request, "You have an account now. Please sign in.")
        return redirect("accounts:login")
    return web.render(request, FORM, {"form": form, "title": "Sign up", "button": "Sign up"})


class LinkSent(TemplateView):
    template_name = "accounts/link_sent.html"


@for_forms
def request_password_reset(request: HttpRequest) -> HttpResponse:
    """Ask for an email address, and mail a link to whoever has an account with it."""
    form = forms.EmailForm(request.POST or None)
    if form.is_valid():
        email = form.cleaned_data["email"]
        limits.count(request, limits.PASSWORD_RESET, name=email)
        services.request_password_reset(email=email, site=_site(request))
        return redirect("accounts:link_sent")
    context = {"form": form, "title": "Reset your password", "button": "Send a link"}
    return web.render(request, FORM, context)


@method_decorator(for_forms, name="dispatch")
class ResetPassword(SuccessMessageMixin[Any], PasswordResetConfirmView):
    """Set a new password for whoever holds a mailed link."""

    template_name = FORM
    extra_context = {"title": "Choose a new password", "button": "Set the password"}
    success_url = reverse_lazy("accounts:login")
    success_message = "Your password is changed. Please sign in."

    def form_valid(self, form: Any) -> HttpResponse:
        limits.trust(self.request, name=form.user.email)  # whoever was locked out may sign in
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.validlink:
            raise selectors.LinkExpired
        return super().get_context_data(**kwargs)


@method_decorator(for_forms, name="dispatch")
class ChangePassword(SuccessMessageMixin[Any], PasswordChangeView):
    """Change one's own password. Django ends the sessions of other devices."""

    form_class = forms.ChangePasswordForm
    template_name = FORM
    extra_context = {"title": "Change your password", "button": "Change the password"}
    success_url = reverse_lazy("home")
    success_message = "Your password is changed. Your other devices are signed out."

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}


def _site(request: HttpRequest) -> str:
    """Return what links in a mail begin with. (ALLOWED_HOSTS says which hosts are ours.)"""
    return request.build_absolute_uri("/").removesuffix("/")
