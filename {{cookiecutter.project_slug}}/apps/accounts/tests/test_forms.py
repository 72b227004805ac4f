from apps.accounts import forms


class TestEmailForm:
    def test_refuses_what_is_no_address(self) -> None:
        for typed in ("nonsense", "a@b", "a\0@example.com", "a@example.com\nBcc: b@example.com"):
            assert "email" in forms.EmailForm({"email": typed}).errors


class TestNewAccountForm:
    def test_creates_an_account_for_the_address_of_the_link_only(self) -> None:
        data = {
            "email": "other@example.com",
            "name": "Ada",
            "new_password1": "a-long-phrase-7",
            "new_password2": "a-long-phrase-7",
        }
        form = forms.NewAccountForm(data, email="ada@example.com")

        assert form.is_valid()
        assert form.cleaned_data["email"] == "ada@example.com"
