"""What people type about workshops."""

from django import forms
from trellis.web.uploads import PictureField

from apps.catalog.models import SUMMARY_LENGTH, TITLE_LENGTH, Tag


class ProposalForm(forms.Form):
    """A workshop that somebody proposes."""

    title = forms.CharField(max_length=TITLE_LENGTH)
    summary = forms.CharField(
        max_length=SUMMARY_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What will people learn, and what do they take home?",
    )
    tags = forms.ModelMultipleChoiceField(
        Tag.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )
    picture = PictureField(required=False)

    def clean_tags(self) -> list[str]:
        return [tag.name for tag in self.cleaned_data["tags"]]  # plain data, as the service takes
