"""What people type to sign up, to sign in and to change a password."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    SetPasswordForm,
    UsernameField,
)
from django.http import HttpRequest

from apps.accounts.models import User


class SignInForm(AuthenticationForm):
    """An email address and a password, in Django's names."""

    username = UsernameField(widget=forms.EmailInput(attrs={"autofocus": True}))
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "The email address or the password is wrong.",
    }


class EmailForm(forms.Form):
    """The address that a link is mailed to."""

    email = forms.EmailField(
        label="Email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )

    def clean_email(self) -> str:
        """Return the address as a mail server reads it, so that all spellings count as one."""
        name, _, domain = self.cleaned_data["email"].rpartition("@")
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise forms.ValidationError("This domain does not exist.") from None
        if not (name.isascii() and name.isprintable()):
            raise forms.ValidationError(
                "Only plain letters, digits and signs can stand before the @."
            )
        return f"{name}@{domain.lower()}"


class NewAccountForm(SetPasswordForm[User]):
    """The name and the password of a new account."""

    email = forms.EmailField(
        label="Email address",
        disabled=True,
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),  # for password managers
    )
    name = forms.CharField(
        label="Your name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True}),
    )
    field_order = ["email", "name"]

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(User(email=email), *args, initial={"email": email}, **kwargs)

    def clean_name(self) -> str:
        self.user.name = self.cleaned_data["name"]  # a password must not be like it
        return self.user.name


class ChangePasswordForm(PasswordChangeForm):
    """The old password, within the limits of a sign-in, and a new one."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.email, password=password) is None:
            raise forms.ValidationError(self.error_messages["password_incorrect"])
        return password
