"""The page on which people propose a workshop."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods
from trellis import web

from apps.catalog import forms, services


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def propose_workshop(request: HttpRequest) -> HttpResponse:
    form = forms.ProposalForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        with web.refusals_in(form):  # what the service refuses stands beside its field
            services.propose_workshop(**form.cleaned_data, by=web.user_id(request))
            messages.success(request, "Thank you. We will read your proposal soon.")
            return redirect("home")
    return web.render(request, "catalog/propose_workshop.html", {"form": form})
