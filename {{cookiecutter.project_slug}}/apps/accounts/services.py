"""Writes about people.

People who sign up or reset a password type an email address and get a link by mail. The request
does the same work for every address, so it does not reveal who has an account: a task finds out.
"""

from datetime import datetime
from uuid import UUID, uuid4

from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from trellis import errors
from trellis.tasks import once

from apps.accounts import clients, selectors, tasks
from apps.accounts.models import User


class EmailTaken(errors.Conflict):
    """There is an account with this email address already."""


@transaction.atomic
def register_user(*, email: str, name: str, password: str, is_superuser: bool = False) -> int:
    """Create an account and return its id. Raises `EmailTaken`."""
    if User.objects.with_email(email).exists():
        raise EmailTaken
    user = User(email=email, name=name, is_staff=is_superuser, is_superuser=is_superuser)
    user.set_password(password)
    user.full_clean(validate_unique=False, validate_constraints=False)  # the database does
    try:
        user.save()
    except IntegrityError:  # somebody else registered it since we looked
        raise EmailTaken from None
    return user.pk


def request_sign_up(*, email: str, site: str) -> None:
    """Mail a link to sign up. `site` is what links to our pages begin with: "https://a.example"."""
    tasks.send_sign_up_link.delay_on_commit(email=email, site=site, mail_id=uuid4())


def send_sign_up_link(*, email: str, site: str, mail_id: UUID, at: datetime) -> None:
    """Mail a link to sign up, once. Raises `OSError`.

    Somebody who has an account gets a link to sign in.
    """
    with once("accounts.sign_up_link", mail_id, at=at) as claim:
        if not claim.is_new:
            return
        user = User.objects.with_email(email).first()
        if user:
            clients.send_mail(
                # Not to the address as typed: it may only look the same to the database.
                to=user.email,
                subject="You have an account",
                template="accounts/mail/account_exists.txt",
                mail_id=mail_id,
                link=site + reverse("accounts:login"),
            )
        else:
            token = signing.dumps(email, salt=selectors.SIGN_UP_LINK)
            clients.send_mail(
                to=email,
                subject="Your link to sign up",
                template="accounts/mail/sign_up.txt",
                mail_id=mail_id,
                link=site + reverse("accounts:confirm_sign_up", args=[token]),
            )


def sign_up(*, token: str, name: str, password: str) -> int:
    """Create the account that a mailed link is for, and return its id. Raises `LinkExpired`."""
    email = selectors.email_of_sign_up_link(token=token)
    try:
        return register_user(email=email, name=name, password=password)
    except EmailTaken:
        raise selectors.LinkExpired from None


def request_password_reset(*, email: str, site: str) -> None:
    """Mail a link to set a new password, if there is an account. `site`: see `request_sign_up`."""
    tasks.send_password_reset_link.delay_on_commit(email=email, site=site, mail_id=uuid4())


def send_password_reset_link(*, email: str, site: str, mail_id: UUID, at: datetime) -> None:
    """Mail a link to set a new password, once, to whoever has an account. Raises `OSError`.

    The link is over when the password changes, at the next sign-in, and after an hour: the password
    and the time of the last sign-in are part of Django's token.
    """
    user = User.objects.with_email(email).filter(is_active=True).first()
    if user is None or not user.has_usable_password():
        return
    with once("accounts.password_reset_link", mail_id, at=at) as claim:
        if claim.is_new:
            uid = urlsafe_base64_encode(force_bytes(user.pk))
            token = default_token_generator.make_token(user)
            clients.send_mail(
                to=user.email,  # not to the address as typed, as above
                subject="Your link to set a new password",
                template="accounts/mail/password_reset.txt",
                mail_id=mail_id,
                link=site + reverse("accounts:reset_password", args=[uid, token]),
            )
